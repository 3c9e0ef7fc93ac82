/** File names, owners, ids and properties that are meant for somebody else than the one who reads them. */
import { MediaService } from '../../src/contract/services.js';
import { unary } from '../../src/runtime/grpc.js';
import type { HostileInput, Section } from './hostile-input.js';
import { shown } from './table.js';
import type { World } from './world.js';

const bytes = Buffer.from('hello');
const deadlineMs = 10_000;
const { service: methods } = MediaService;

const named =
  (answer: string) =>
  (fileName: string): HostileInput => ({
    input: `\`${shown(fileName)}\``,
    answer,
    stored: answer === 'OK',
    send: (world) => world.upload(bytes, 'given.txt', { fileName }),
  });

export const fileNames: Section = {
  title: 'File names',
  intro: 'Uploads of a text through GraphQL, with `fileName`. A name is mended where that is safe, and never a path: bytes are found by their hash.',
  inputs: [
    ...[
      '../../etc/passwd',
      '..\\..\\windows\\win.ini',
      '/etc/shadow',
      'C:\\Users\\me\\photo.txt',
      '....//....//x.txt',
      '..%2f..%2fx.txt',
      'a\u0000b.txt',
      'a\r\nSet-Cookie: x=1.txt',
      'photo\u202egnp.txt',
      '\u2066hidden\u2069.txt',
      'zero\u200b\ufeffwidth.txt',
      'e\u200b\u0301.txt',
      '\ud800lone.txt',
      '\u001b[2Jterminal.txt',
      '"><script>alert(1)</script>.txt',
      '${jndi:ldap://x}.txt',
      "'; drop table media; --.txt",
      '`id`$(id)|id&id;id.txt',
      'con.',
      'NUL.txt',
      'com1 .txt',
      'a.txt::$DATA',
      '',
      '.',
      '..',
      '/',
      '   ',
      '\u202e',
      '...dots.txt...',
      '-rf.txt',
      '~root.txt',
      'Vue.js notes.txt',
      `${'x'.repeat(296)}.txt`,
      `${'ж'.repeat(300)}.txt`,
      'x'.repeat(10_000),
      '👨‍👩‍👧.txt',
    ].map(named('OK')),
    ...[
      'shell.php',
      'shell.PHP',
      'shell.php.txt',
      'shell.php.',
      'shell.php ',
      'shell.p\u00adhp',
      'shell.\u202ephp',
      'shell.ph\u200cp',
      'shell.ｐｈｐ',
      'shell．php',
      'shell.php\u0000.txt',
      'shell.php%00.txt',
      'shell.asp;.txt',
      'x.phar',
      '.htaccess',
      'setup.exe',
      'photo\u202egpj.exe',
      'x.svg.js',
      `${'a'.repeat(251)}.php${'x'.repeat(40)}`,
    ].map(named('BAD_USER_INPUT')),
  ],
};

const owned = (field: 'modelType' | 'modelId' | 'collectionName', value: string, answer: string): HostileInput => ({
  input: `\`${field}\` ${shown(value)}`,
  answer,
  stored: answer === 'OK',
  send: (world) => world.upload(bytes, 'a.txt', { [field]: value }),
});

const asked = (input: string, answer: string, send: (world: World) => ReturnType<HostileInput['send']>): HostileInput => ({ input, answer, stored: false, send });

const badOwner = 'BAD_USER_INPUT';

export const ownersAndIds: Section = {
  title: 'Owners, collections and ids',
  intro: 'Uploads and questions through GraphQL and gRPC. Any text of up to 255 characters names an owner; it is only ever compared.',
  inputs: [
    owned('modelType', '', badOwner),
    owned('modelId', 'a\u0000b', badOwner),
    owned('modelId', '\ud800', badOwner),
    owned('modelId', 'a\nb', badOwner),
    owned('collectionName', 'x'.repeat(10_000), badOwner),
    owned('collectionName', '\u007f', badOwner),
    owned('modelType', '__proto__', 'OK'),
    owned('collectionName', 'constructor', 'OK'),
    owned('modelType', 'App\\Models\\User', 'OK'),
    owned('modelId', "1' or '1'='1", 'OK'),
    owned('collectionName', '../../avatars', 'OK'),
    owned('collectionName', '*{}:\u202e', 'OK'),
    asked('`media(id: "1e3")`', 'OK', (world) => world.query('{ media(id: "1e3") { id } }')),
    asked('`media(id: "99999999999999999999")`', 'OK', (world) => world.query('{ media(id: "99999999999999999999") { id } }')),
    asked('`media` with an id of 10 KB', badOwner, (world) => world.query('query ($id: ID!) { media(id: $id) { id } }', { id: '1'.repeat(10_000) })),
    asked('`media` with a NUL in the id', badOwner, (world) => world.query('query ($id: ID!) { media(id: $id) { id } }', { id: '1\u0000' })),
    asked('`mediaByUUID(uuid: "../1")`', badOwner, (world) => world.query('{ mediaByUUID(uuid: "../1") { id } }')),
    asked('`mediaURL` of a conversion `../x`', 'NOT_FOUND', (world) => world.query('{ mediaURL(id: "1", conversion: "../x") { url } }')),
    asked('GetFilesByModels with 501 owners', badOwner, (world) =>
      world.unary((client) => unary(client, methods.GetFilesByModels, { queries: Array.from({ length: 501 }, () => ({ model_type: 'A', model_id: '1' })) }, deadlineMs)),
    ),
    asked('GetFilesByModel with limit -2147483648', badOwner, (world) =>
      world.unary((client) => unary(client, methods.GetFilesByModel, { model_type: 'A', model_id: '1', limit: -2_147_483_648 }, deadlineMs)),
    ),
    asked('GetFileURLs that live for 2147483647 seconds', badOwner, (world) =>
      world.unary((client) => unary(client, methods.GetFileURLs, { ids: ['1'], expiry_seconds: 2_147_483_647 }, deadlineMs)),
    ),
    asked('ReorderFiles with 1,001 ids', badOwner, (world) =>
      world.unary((client) => unary(client, methods.ReorderFiles, { model_type: 'A', model_id: '1', collection_name: 'a', ids: Array.from({ length: 1_001 }, String) }, deadlineMs)),
    ),
    asked('VerifyFile of `../../etc/passwd`', 'NOT_FOUND', (world) => world.unary((client) => unary(client, methods.VerifyFile, { sha256: '../../etc/passwd' }, deadlineMs))),
    asked('DeleteFile of `1; drop table media`', 'OK', (world) => world.unary((client) => unary(client, methods.DeleteFile, { id: '1; drop table media' }, deadlineMs))),
  ],
};
