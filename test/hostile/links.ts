/** Links that nobody signed, and headers that ask for more than there is. */
import { createHmac } from 'node:crypto';
import type { HostileInput, Section } from './hostile-input.js';
import { signingKey, type World } from './world.js';

interface Link {
  id: string;
  fileName: string;
  expires: string;
  kid: string;
  signature: string;
}

/** By hand, and with any secret: the form is no secret. */
function sign({ id, fileName, expires, kid }: Omit<Link, 'signature'>, secret: string, kind = 'inline'): string {
  return createHmac('sha256', secret).update([id, expires, kind, kid, fileName].join('\n')).digest('hex');
}

const inAnHour = (): string => String(Math.floor(Date.now() / 1_000) + 3_600);

/** To the file of ten digits. */
async function linked(world: World): Promise<Link> {
  const link = { id: await world.digits, fileName: 'digits.txt', expires: inAnHour(), kid: signingKey.id };
  return { ...link, signature: sign(link, signingKey.secret) };
}

const pathOf = ({ id, fileName, expires, kid, signature }: Link): string => `/files/${id}/${encodeURIComponent(fileName)}?expires=${expires}&kid=${kid}&signature=${signature}`;

const got = (input: string, answer: number, change: (link: Link) => string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): HostileInput => ({
  input,
  answer: String(answer),
  stored: false,
  send: async (world) => {
    const response = await world.get(change(await linked(world)), headers, method);
    const range = response.headers['content-range'];
    const text = response.body.toString().replace(/\/files\/\d+/, '/files/…');
    return { answer: String(response.status), says: [range, text].filter(Boolean).join(': ') };
  },
});

/** With `change` made after it was signed. */
const forged = (input: string, change: Partial<Link> | ((link: Link) => Partial<Link>)): HostileInput =>
  got(input, 403, (link) => pathOf({ ...link, ...(typeof change === 'function' ? change(link) : change) }));

/** With `change` made before it was signed, with a key of ours. */
const signed = (input: string, answer: number, change: Partial<Link>): HostileInput =>
  got(input, answer, (link) => {
    const changed = { ...link, ...change };
    return pathOf({ ...changed, signature: sign(changed, signingKey.secret) });
  });

export const signatures: Section = {
  title: 'Signed links',
  intro: 'GETs of a file with a link that was changed after it was signed, or signed with what a stranger can have.',
  inputs: [
    got('the link as it was signed', 200, pathOf),
    forged('a signature by another key', (link) => ({ signature: sign(link, 'a guess') })),
    forged('a signature by an empty key', (link) => ({ signature: sign(link, '') })),
    forged('the last digit missing', ({ signature }) => ({ signature: signature.slice(0, -1) })),
    forged('a digit more', ({ signature }) => ({ signature: `${signature}0` })),
    forged('one digit changed', ({ signature }) => ({ signature: signature.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) })),
    forged('upper case', ({ signature }) => ({ signature: signature.toUpperCase() })),
    forged('64 zeros', { signature: '0'.repeat(64) }),
    forged('no hex', { signature: 'g'.repeat(64) }),
    forged('a signature of 10 KB', { signature: '0'.repeat(10_000) }),
    forged('no signature', { signature: '' }),
    forged('a NUL behind the signature', ({ signature }) => ({ signature: `${signature}%00` })),
    forged('a line break behind the signature', ({ signature }) => ({ signature: `${signature}%0a` })),
    forged('another id', ({ id }) => ({ id: String(Number(id) + 1) })),
    forged('another way to write the id', ({ id }) => ({ id: `0${id}` })),
    forged('another file name', { fileName: 'digits.html' }),
    forged('the file name in upper case', { fileName: 'DIGITS.TXT' }),
    forged('an hour later', ({ expires }) => ({ expires: String(Number(expires) + 3_600) })),
    forged('the year 33658', { expires: '999999999999' }),
    forged('an expiry before all time', { expires: '-1' }),
    forged('an expiry as a power', { expires: '2e9' }),
    forged('an expiry with a space', ({ expires }) => ({ expires: `%20${expires}` })),
    forged('no expiry', { expires: '' }),
    forged('the other key of ours', { kid: 'k0' }),
    forged('an unknown key', { kid: 'k9' }),
    forged('a key called `__proto__`', { kid: '__proto__' }),
    got('two signatures', 403, (link) => `${pathOf(link)}&signature=${link.signature}`),
    got('two expiries', 403, (link) => `${pathOf(link)}&expires=${link.expires}`),
    got('two keys', 403, (link) => pathOf(link).replace('&kid=k1', '&kid=k0&kid=k1')),
    got('a parameter that is a list', 403, (link) => pathOf(link).replace('&kid=', '&kid[]=')),
    got('`disposition=attachment` added', 403, (link) => `${pathOf(link)}&disposition=attachment`),
    got('`disposition=inline` added, which is what was signed', 200, (link) => `${pathOf(link)}&disposition=inline`),
    got('`conversion=thumb` added', 403, (link) => `${pathOf(link)}&conversion=thumb`),
    got('an empty `conversion` added', 403, (link) => `${pathOf(link)}&conversion=`),
    got('`conversion=../../etc/passwd` added', 403, (link) => `${pathOf(link)}&conversion=../../etc/passwd`),
    got('an unknown parameter added', 200, (link) => `${pathOf(link)}&utm_source=x`),
    got('a path that leads out', 403, (link) => pathOf(link).replace('digits.txt', '..%2f..%2f..%2fetc%2fpasswd')),
    got('a path that leads out, not escaped', 403, (link) => pathOf(link).replace('digits.txt', '../../../etc/passwd')),
    got('a path that cannot be read', 400, (link) => pathOf(link).replace('digits.txt', '%zz')),
    got('a NUL in the path', 403, (link) => pathOf(link).replace('digits.txt', 'digits.txt%00.png')),
    got('a file name of 10 KB', 403, (link) => pathOf(link).replace('digits.txt', 'x'.repeat(10_000))),
    got('no query', 403, (link) => pathOf(link).split('?')[0] ?? ''),
    got('POST', 404, pathOf, {}, 'POST'),
    got('DELETE', 404, pathOf, {}, 'DELETE'),
    got('OPTIONS', 404, pathOf, { origin: 'https://elsewhere.example', 'access-control-request-method': 'GET' }, 'OPTIONS'),
    signed('expired a second after 1970, signed with a key of ours', 403, { expires: '1' }),
    signed('a file that there is not, signed with a key of ours', 404, { id: '999999999' }),
    signed('an id that is none, signed with a key of ours', 404, { id: "1'--" }),
    signed('an id of 10 KB, signed with a key of ours', 400, { id: '1'.repeat(10_000) }),
  ],
};

const ranged = (range: string, answer: number, shown = range): HostileInput => got(`\`Range: ${shown}\``, answer, pathOf, { range });
const conditional = (name: string, value: string, answer: number, shown = value): HostileInput => got(`\`${name}: ${shown}\``, answer, pathOf, { [name]: value });

const overlapping = `bytes=${Array.from({ length: 1_000 }, () => '0-').join(',')}`;

export const ranges: Section = {
  title: 'Ranges and conditions',
  intro: 'GETs of a file of the ten bytes `0123456789` with a valid link. One range is given, of several none is: everything is sent once.',
  inputs: [
    ranged('bytes=2-5', 206),
    ranged('bytes=-3', 206),
    ranged('bytes=-999999999999999', 206),
    ranged('bytes=0-999999999999999', 206),
    ranged('bytes=0-99999999999999999999', 206),
    ranged('bytes=-99999999999999999999', 206),
    ranged('BYTES = 2 - 5', 206),
    ranged('bytes=-0', 416),
    ranged('bytes=10-', 416),
    ranged('bytes=5-2', 416),
    ranged('bytes=--5', 416),
    ranged('bytes=-5--2', 416),
    ranged('bytes=', 416),
    ranged('bytes=-', 416),
    ranged('bytes=a-b', 416),
    ranged('bytes=0x0-0x5', 416),
    ranged('bytes=1.5-3', 416),
    ranged('bytes=1e0-3', 416),
    ranged('bytes=+1-3', 416),
    ranged('bytes=99999999999999999999-', 416),
    ranged('bytes=18446744073709551615-18446744073709551616', 416),
    ranged('bytes=0-0,9-9', 200),
    ranged(overlapping, 200, 'bytes=0-,0-,… (1,000 times)'),
    ranged('bytes=0-0,', 200),
    ranged('bytes=0-9;0-9', 416),
    ranged(`bytes=${' '.repeat(15_000)}x`, 416, 'bytes=… x (15,000 spaces)'),
    ranged('foo=0-5', 200),
    ranged('seconds=1-2', 200),
    ranged('0-5', 200),
    ranged(`bytes=${'0'.repeat(30_000)}-5`, 431, 'bytes=000…-5 (30,000 zeros)'),
    conditional('If-None-Match', '*', 304),
    conditional('If-None-Match', '"other"', 200),
    conditional('If-None-Match', '"other", W/"x", "y', 200),
    conditional('If-None-Match', ','.repeat(10_000), 200, ',,,… (10,000 times)'),
    conditional('If-None-Match', Array.from({ length: 1_000 }, (_, index) => `"${index}"`).join(', '), 200, '"0", "1", … (1,000 tags)'),
    conditional('If-None-Match', `${'"x", '.repeat(1_000)}*`, 304, '"x", "x", …, * (1,000 tags)'),
    got('`If-Range: "other"` with a range', 200, pathOf, { 'if-range': '"other"', range: 'bytes=2-5' }),
    got('`If-Range` with a date and a range', 200, pathOf, { 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT', range: 'bytes=2-5' }),
    got('HEAD with a range', 206, pathOf, { range: 'bytes=2-5' }, 'HEAD'),
  ],
};
