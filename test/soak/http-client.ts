/** Asks one gateway over kept-alive connections. Invariant: every request ends within its deadline, and `stop` leaves no connection behind. */
import { Agent, request, type IncomingMessage } from 'node:http';

export class HttpClient {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.#url = url;
  }

  /** The body of the answer. @throws Error when there is none within `deadlineMs`, or its status is not 200. */
  ask(body: string, headers: Readonly<Record<string, string>>, deadlineMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request(`${this.#url}/graphql`, {
        method: 'POST',
        agent: this.#agent,
        headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        signal: AbortSignal.timeout(deadlineMs),
      });
      asked.once('error', reject);
      asked.once('response', (answer) => void readAll(answer).then(resolve, reject));
      asked.end(body);
    });
  }

  stop(): void {
    this.#agent.destroy();
  }
}

async function readAll(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8');
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  if (answer.statusCode !== 200) throw new Error(`the gateway answered ${answer.statusCode}: ${text.slice(0, 300)}`);
  return text;
}
