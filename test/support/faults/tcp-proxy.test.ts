import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, it, expect, beforeEach, afterEach } from '@jest/globals';
import { freePort, waitFor } from '../wait.js';
import { startTcpProxy } from './tcp-proxy.js';
import type { Socket } from 'node:net';
import type { TcpProxy } from './tcp-proxy.js';

/** Sends back what it gets, while `echoing`. */
async function startEcho() {
  const sockets = new Set<Socket>();
  const state = { received: 0, echoing: true };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      state.received += chunk.length;
      if (state.echoing) socket.write(chunk);
    });
  });
  const port = await freePort();
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    port,
    state,
    sockets,
    async stop() {
      sockets.forEach((socket) => socket.destroy());
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

const sees = (client: { seen: { text: string } }, text: string) =>
  waitFor(() => client.seen.text === text, { what: `the client to see ${text}` });

describe('a TCP proxy', () => {
  let echo: Awaited<ReturnType<typeof startEcho>>;
  let proxy: TcpProxy;
  let clients: Socket[];

  beforeEach(async () => {
    echo = await startEcho();
    proxy = await startTcpProxy({ host: '127.0.0.1', port: echo.port });
    clients = [];
  });
  afterEach(async () => {
    clients.forEach((client) => client.destroy());
    await proxy.stop();
    await echo.stop();
  });

  async function dial() {
    const socket = connect({ host: proxy.host, port: proxy.port });
    clients.push(socket);
    const seen = { text: '', error: '', closed: false };
    socket.on('data', (chunk) => (seen.text += chunk.toString('latin1')));
    socket.on('error', (error) => (seen.error = error.message));
    socket.on('close', () => (seen.closed = true));
    await waitFor(() => !socket.connecting, { what: 'the connection or its refusal' });
    return { socket, seen };
  }

  it('counts a round trip when a client begins to send, not for what it adds before an answer', async () => {
    echo.state.echoing = false;
    const client = await dial();
    for (const total of [1, 2]) {
      client.socket.write('a');
      await waitFor(() => echo.state.received === total, { what: 'the server to have it' });
    }
    expect(proxy.roundTrips()).toBe(1);
    echo.state.echoing = true;
    for (const text of ['b', 'bc']) {
      client.socket.write(text.slice(-1));
      await sees(client, text);
    }
    expect(proxy.roundTrips()).toBe(2);
    const other = await dial();
    other.socket.write('d');
    await sees(other, 'd');
    expect(proxy.roundTrips()).toBe(3);
    expect(proxy.bytes()).toEqual({ toServer: 5, toClient: 3 });
    expect(proxy.connections()).toBe(2);
    proxy.resetCounts();
    expect([proxy.roundTrips(), proxy.bytes().toServer]).toEqual([0, 0]);
  });

  it.each(['end', 'resetAndDestroy'] as const)('stalls without closing, also when the server is gone meanwhile (%s)', async (how) => {
    const client = await dial();
    client.socket.write('a');
    await sees(client, 'a');
    proxy.pause();
    client.socket.write('b');
    await waitFor(() => proxy.bytes().toServer === 2, { what: 'the proxy to have it' });
    echo.sockets.forEach((socket) => socket[how]());
    await expect(waitFor(() => client.seen.closed, { what: 'a close', timeoutMs: 200 })).rejects.toThrow('waited 200 ms for a close');
    expect([echo.state.received, client.seen.text]).toEqual([1, 'a']);
    proxy.resume();
    await waitFor(() => client.seen.closed, { what: 'the news that the server is gone' });
  });

  it('holds a sender back on a slow link instead of piling its bytes up', async () => {
    echo.state.echoing = false;
    proxy.throttle(1_000);
    const client = await dial();
    const block = Buffer.alloc(64 * 1024);
    let sent = 0;
    do sent += 1;
    while (client.socket.write(block));
    await waitFor(() => echo.state.received > 0, { what: 'the first bytes' });
    for (let i = 0; i < 400; i += 1) client.socket.write(block);
    await waitFor(() => proxy.bytes().toServer >= 4 * block.length, { what: 'the queue to fill' });
    await expect(waitFor(() => proxy.bytes().toServer > 16 * block.length, { what: 'more', timeoutMs: 500 })).rejects.toThrow('waited');
    proxy.throttle(undefined);
    client.socket.end();
    await waitFor(() => echo.state.received === (sent + 400) * block.length, { what: 'all bytes once the limit is lifted' });
  });

  it('adds its delay each way, and lets messages travel behind each other meanwhile', async () => {
    proxy.delay(300);
    const client = await dial();
    const start = performance.now();
    let arrivedBeforeTheFirstAnswer = 0;
    client.socket.once('data', () => (arrivedBeforeTheFirstAnswer = echo.state.received));
    for (let sent = 1; sent <= 10; sent += 1) {
      client.socket.write('x');
      await waitFor(() => proxy.bytes().toServer === sent, { what: 'the proxy to have it' });
    }
    await sees(client, 'x'.repeat(10));
    expect(performance.now() - start).toBeGreaterThan(590);
    expect(arrivedBeforeTheFirstAnswer).toBe(10);
  });

  it('cuts what is open and takes new connections, until it refuses them', async () => {
    const client = await dial();
    client.socket.write('a');
    await sees(client, 'a');
    proxy.cutAll();
    await waitFor(() => client.seen.closed, { what: 'the cut' });
    await waitFor(() => echo.sockets.size === 0, { what: 'the cut on the other side' });
    const second = await dial();
    await proxy.refuse();
    await waitFor(() => second.seen.closed, { what: 'the second cut' });
    expect((await dial()).seen.error).toMatch('ECONNREFUSED');
    await proxy.accept();
    const third = await dial();
    third.socket.write('c');
    await sees(third, 'c');
    expect(proxy.connections()).toBe(1);
  });

  it('passes on a half-close and keeps the order of the bytes', async () => {
    const client = await dial();
    const text = Array.from({ length: 20_000 }, (_, i) => `${i},`).join('');
    client.socket.end(text);
    await waitFor(() => client.seen.closed, { what: 'the end' });
    expect(client.seen.text === text).toBe(true);
    await waitFor(() => proxy.connections() === 0, { what: 'no connection' });
  });

  it('closes a client whose server is not there', async () => {
    await echo.stop();
    const client = await dial();
    expect(await waitFor(() => client.seen.closed, { what: 'the close' })).toBe(true);
  });

  it('names itself in a url', () => {
    expect(proxy.through(`amqp://guest:guest@127.0.0.1:${echo.port}/vh`)).toBe(`amqp://guest:guest@127.0.0.1:${proxy.port}/vh`);
    expect(proxy.through('redis://127.0.0.1:1')).toBe(`redis://127.0.0.1:${proxy.port}`);
  });
});
