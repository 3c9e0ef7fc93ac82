/** A list of hosts, each with its port where it is not the usual one, and the question whether a URL leads to one of them. */

export class HostSet {
  readonly #exact = new Set<string>();
  readonly #domains: string[] = [];

  /** `host`, `host:port`, `[::1]:port`, or `*.domain` for all hosts below a domain at the usual port. */
  constructor(hosts: readonly string[]) {
    for (const host of hosts) {
      if (host.startsWith('*.')) this.#domains.push(host.slice(1).toLowerCase());
      else this.#exact.add(canonical(host));
    }
  }

  has({ hostname, port, protocol }: URL): boolean {
    const host = hostname.replace(/\.$/, '');
    const usual = protocol === 'https:' ? '443' : '80';
    if (this.#exact.has(`${host}:${port || usual}`)) return true;
    return port === '' && (this.#exact.has(host) || this.#domains.some((domain) => host.endsWith(domain)));
  }
}

/** As a URL has it: international names in ASCII, IPv6 in its short form. */
function canonical(entry: string): string {
  const { host = entry, port } = /^(?<host>.+?)(?::(?<port>\d+))?$/.exec(entry)?.groups ?? {};
  const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : host.toLowerCase();
  return port === undefined ? name : `${name}:${Number(port)}`;
}
