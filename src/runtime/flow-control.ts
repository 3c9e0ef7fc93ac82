/**
 * HTTP/2 flow control of a gRPC server. Node lets a client send 64 KB before it waits for leave, and grpc-js has no option for its servers
 * (https://github.com/grpc/grpc-node/pull/3058): an upload spends most of its time with waiting.
 */
import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { Http2Session } from 'node:http2';

/** Of each call; so much of it may wait in memory when it is read slowly. */
const streamBytes = 262_144;
/** Of all calls of a connection. */
const connectionBytes = 1_048_576;
/** Frames this large cost less than those of 16 KB, which HTTP/2 begins with. */
const maxFrameSize = 65_536;

/** Widens the windows of a connection with its first call. Where grpc-js no longer shows its session, calls stay as fast as they were. */
export function wideWindows(): ServerInterceptor {
  const widened = new WeakSet<object>();
  return (_method, call) => {
    const session = sessionOf(call);
    if (session && !widened.has(session)) {
      widened.add(session);
      session.setLocalWindowSize(connectionBytes);
      session.settings({ initialWindowSize: streamBytes, maxFrameSize });
    }
    return new ServerInterceptingCall(call);
  };
}

function sessionOf(call: object): Http2Session | undefined {
  const session: unknown = 'stream' in call && isObject(call.stream) && 'session' in call.stream ? call.stream.session : undefined;
  return isSession(session) ? session : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isSession(value: unknown): value is Http2Session {
  return isObject(value) && 'setLocalWindowSize' in value && 'settings' in value;
}
