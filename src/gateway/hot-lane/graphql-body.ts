/** The body of a POST, as far as this lane reads it. */
import { parseJson } from '../../runtime/parse-json.js';

export interface GraphQLBody {
  readonly query: string;
  readonly operationName: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Undefined of what only Apollo can read. */
export function readBody(text: string): GraphQLBody | undefined {
  const body = isSuspect(text) ? undefined : parseJson(text);
  if (!isRecord(body) || typeof body.query !== 'string' || !areInert(body.extensions)) return undefined;
  const { query } = body;
  const operationName = body.operationName ?? undefined;
  const variables = body.variables ?? {};
  if (operationName !== undefined && (typeof operationName !== 'string' || operationName === '')) return undefined;
  return isRecord(variables) ? { query, operationName, variables } : undefined;
}

/** Fastify refuses bodies that could change prototypes, however they are written: it is to look at whatever may be one. */
function isSuspect(text: string): boolean {
  return text.includes('__proto__') || text.includes('constructor') || text.includes('\\u');
}

/** Whether the answer is the same without them: Apollo's clients name themselves in them, https://www.apollographql.com/docs/react/api/link/apollo-link-client-awareness. */
function areInert(extensions: unknown): boolean {
  return extensions === undefined || extensions === null || (isRecord(extensions) && Object.keys(extensions).every((name) => name === 'clientLibrary'));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
