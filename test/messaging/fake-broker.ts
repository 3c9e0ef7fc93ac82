/** Servers that accept a connection and then misbehave in the AMQP handshake. Invariant: `stop` leaves no socket behind. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from '../support/wait.js';
import type { Socket } from 'node:net';

export interface FakeBroker {
  url: string;
  /** Connections since the start. */
  accepted(): number;
  /** Connections that the client has not ended. */
  open(): number;
  stop(): Promise<void>;
}

/** Accepts connections and says nothing. */
export function startSilentBroker(): Promise<FakeBroker> {
  return startFakeBroker(() => {});
}

/** Closes each connection in the packet that opens it, as a broker does that is about to shut down. */
export function startClosingBroker(): Promise<FakeBroker> {
  return startFakeBroker((socket) => {
    let received = Buffer.of();
    let answered = 0;
    const answers = [
      { after: 'AMQP', frames: [start] },
      { after: 'PLAIN', frames: [tune] },
      { after: openMethod, frames: [openOk, close] },
    ];
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let next = answers[answered]; next && received.includes(next.after); next = answers[answered]) {
        socket.write(Buffer.concat(next.frames));
        answered += 1;
      }
    });
  });
}

async function startFakeBroker(talk: (socket: Socket) => void): Promise<FakeBroker> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    talk(socket);
    socket.resume();
  });
  const port = await freePort();
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return {
    url: `amqp://user:secret-password@127.0.0.1:${port}`,
    accepted: () => accepted,
    open: () => sockets.size,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A method frame on channel 0: https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, 4.2.3. */
function frame(classId: number, methodId: number, ...parts: Buffer[]): Buffer {
  const payload = Buffer.concat([short(classId), short(methodId), ...parts]);
  return Buffer.concat([Buffer.of(1), short(0), long(payload.length), payload, Buffer.of(0xce)]);
}

function short(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const shortText = (text: string): Buffer => Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
const longText = (text: string): Buffer => Buffer.concat([long(text.length), Buffer.from(text)]);

const start = frame(10, 10, Buffer.of(0, 9), long(0), longText('PLAIN'), longText('en_US'));
const tune = frame(10, 30, short(2_047), long(131_072), short(60));
const openMethod = Buffer.concat([short(10), short(40)]);
const openOk = frame(10, 41, shortText(''));
const close = frame(10, 50, short(320), shortText('CONNECTION_FORCED - broker forced connection closure'), short(0), short(0));
