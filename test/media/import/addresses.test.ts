import { describe, expect, it } from '@jest/globals';
import { isPublicAddress } from '../../../src/media/import/addresses.js';
import { HostSet } from '../../../src/media/import/host-set.js';

describe('an address that files are imported from', () => {
  it.each(['8.8.8.8', '1.1.1.1', '93.184.215.14', '172.15.255.255', '172.32.0.1', '100.63.255.255', '100.128.0.1', '192.167.1.1', '223.255.255.255', '2606:4700::1111', '2a00:1450:4001::200e'])(
    'may be %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    ['0.0.0.0', 'this host'],
    ['0.1.2.3', 'this network'],
    ['10.0.0.1', 'private'],
    ['10.255.255.255', 'private'],
    ['100.64.0.1', 'carrier-grade NAT'],
    ['100.100.100.200', 'metadata of a cloud'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['168.63.129.16', 'a service of a cloud'],
    ['169.254.169.254', 'metadata of a cloud'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.1', 'protocol assignments'],
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', '6to4 relay'],
    ['192.168.1.1', 'private'],
    ['198.18.0.1', 'benchmarking'],
    ['198.51.100.1', 'documentation'],
    ['203.0.113.1', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::127.0.0.1', 'IPv4-compatible'],
    ['::ffff:127.0.0.1', 'IPv4-mapped'],
    ['::ffff:8.8.8.8', 'IPv4-mapped'],
    ['0:0:0:0:0:ffff:7f00:1', 'IPv4-mapped, in hex'],
    ['::ffff:0:127.0.0.1', 'IPv4-translated'],
    ['64:ff9b::7f00:1', 'NAT64'],
    ['64:ff9b::169.254.169.254', 'NAT64'],
    ['64:ff9b:1::a00:1', 'NAT64, local'],
    ['100::1', 'discard'],
    ['2001::1', 'Teredo'],
    ['2001:10::1', 'ORCHID'],
    ['2001:20::1', 'ORCHIDv2'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::', '6to4 of 127.0.0.1'],
    ['2002:a9fe:a9fe::1', '6to4 of 169.254.169.254'],
    ['3fff::1', 'documentation'],
    ['5f00::1', 'segment routing'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'metadata of a cloud'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local, with a zone'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['localhost', 'no address'],
    ['', 'no address'],
  ])('is not %s (%s)', (address) => expect(isPublicAddress(address)).toBe(false));
});

describe('a list of hosts', () => {
  const has = (hosts: string[], url: string): boolean => new HostSet(hosts).has(new URL(url));

  it.each([
    ['files.example', 'https://files.example/a'],
    ['files.example', 'http://FILES.example:80/a'],
    ['files.example', 'https://files.example./a'],
    ['files.example:443', 'https://files.example/a'],
    ['files.example:9000', 'http://files.example:9000/a'],
    ['127.0.0.1:9000', 'http://0x7f.1:9000/'],
    ['[::1]:9000', 'http://[0:0:0:0:0:0:0:1]:9000/'],
    ['[::1]', 'http://[::1]/'],
    ['bücher.example', 'https://xn--bcher-kva.example/'],
    ['*.cdn.example', 'https://a.b.cdn.example/'],
  ])('with %s has %s', (host, url) => expect(has(['other.example', host], url)).toBe(true));

  it.each([
    ['files.example', 'https://files.example:8443/'],
    ['files.example', 'https://a.files.example/'],
    ['files.example', 'https://files.example.evil.example/'],
    ['files.example', 'https://evilfiles.example/'],
    ['files.example:443', 'http://files.example/'],
    ['files.example:80', 'https://files.example/'],
    ['*.cdn.example', 'https://cdn.example/'],
    ['*.cdn.example', 'https://evilcdn.example/'],
    ['*.cdn.example', 'https://a.cdn.example:8443/'],
  ])('with %s does not have %s', (host, url) => expect(has([host], url)).toBe(false));
});
