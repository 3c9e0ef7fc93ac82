/**
 * The operations that are asked for often enough to have a plan.
 * Invariant: bounded, whoever asks for what. One that is seen for the first time costs an entry in a map; a plan costs about as much as one
 * execution, and is made only of what GraphQL has parsed, validated and answered without an error several times.
 */
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';
import { complexityOf, maxComplexity } from '../query-limits.js';
import { compile, type Plan } from './plan.js';
import { ReadyTexts } from './ready-texts.js';

const neededAnswers = 3;
const maxDocuments = 500;
/** Of their texts. Both bounds hold for those that are counted, and for those that are asked for often. */
const maxCharacters = 1_000_000;
/** Of models that are ready to be sent, with what is held for them. */
const maxTextCharacters = 25_000_000;

export class Operation {
  readonly plan: Plan;
  readonly #complexity: (variables: Record<string, unknown>) => number;
  /** By the length of the list that is asked for, on which alone the complexity of a plan with one root depends. */
  readonly #allowed: (boolean | undefined)[] = [];

  constructor(plan: Plan, complexity: (variables: Record<string, unknown>) => number) {
    this.plan = plan;
    this.#complexity = complexity;
  }

  /** Whether it costs no more than any operation may; `length` is that of the only list, 0 without one. @throws Error when it cannot be counted. */
  isAllowed(length: number, variables: Record<string, unknown>): boolean {
    if (this.plan.length !== 1) return this.#complexity(variables) <= maxComplexity;
    return (this.#allowed[length] ??= this.#complexity(variables) <= maxComplexity);
  }
}

interface Seen {
  answers: number;
  /** Undefined while it is seldom asked for, and where there can be no plan. */
  operation?: Operation | undefined;
}

/** The operations of one document, by name. */
type SeenByName = Map<string | undefined, Seen>;

export class Operations {
  readonly #schema: GraphQLSchema;
  readonly #texts = new ReadyTexts(maxTextCharacters);
  readonly #seldom = documents();
  readonly #often = documents();
  /** The last that was found: most requests are for the same as the one before. */
  #last: { readonly query: string; readonly name: string | undefined; readonly operation: Operation } | undefined;

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** `name`: as it was sent. */
  find(query: string, name: string | undefined): Operation | undefined {
    if (this.#last?.query === query && this.#last.name === name) return this.#last.operation;
    const operation = this.#often.get(query)?.get(name)?.operation;
    if (operation) this.#last = { query, name, operation };
    return operation;
  }

  /** GraphQL has answered it without an error. */
  answered(query: string, name: string | undefined, document: DocumentNode): void {
    if (this.#often.get(query)?.has(name)) return;
    const names: SeenByName = this.#seldom.get(query) ?? new Map();
    const seen = names.get(name) ?? { answers: 0 };
    seen.answers += 1;
    this.#seldom.set(query, names.set(name, seen));
    if (seen.answers < neededAnswers) return;
    names.delete(name);
    seen.operation = this.#compile(document, name);
    this.#often.set(query, new Map(this.#often.peek(query)).set(name, seen));
  }

  #compile(document: DocumentNode, name: string | undefined): Operation | undefined {
    const schema = this.#schema;
    const plan = compile({ schema, texts: this.#texts }, document, name);
    return plan && new Operation(plan, (variables) => complexityOf({ schema, document, name, variables }));
  }
}

function documents(): LRUCache<string, SeenByName> {
  return new LRUCache({ max: maxDocuments, maxSize: maxCharacters, sizeCalculation: (_names, query) => query.length });
}
