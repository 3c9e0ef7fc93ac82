import { describe, expect, it } from '@jest/globals';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { graphql } from 'graphql';
import { noStore } from '../../src/cache/no-store.js';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { ModelFiles } from '../../src/contract/generated/media/v1/ModelFiles.js';
import type { ModelQueryInput } from '../../src/contract/generated/media/v1/ModelQuery.js';
import { applyMediaDirective } from '../../src/gateway/media-directive.js';
import { MediaReader } from '../../src/gateway/media-reader.js';
import { createRequestContext, type RequestContext, type Services } from '../../src/gateway/request-context.js';
import { aMedia } from '../support/fake-origin.js';

const base = `
  directive @media(modelType: String!, collectionName: String!) on FIELD_DEFINITION
  type Media { id: ID! fileName: String! }
`;

/** A context whose media service holds three pages of book 7, and remembers what it was asked. */
function contextOf(asked: ModelQueryInput[][]): RequestContext {
  const filesByModels = (queries: readonly ModelQueryInput[]): Promise<ModelFiles[]> => {
    asked.push([...queries]);
    const pages = [1, 2, 3].map((page) => aMedia({ file_name: `page-${page}.png` }));
    return Promise.resolve(queries.map(({ model_id }) => (model_id === '7' ? { media: pages, total: 3, fallback_url: '' } : { media: [], total: 0, fallback_url: '' })));
  };
  const settings = { CACHE_TTL_SECONDS: 60, CACHE_NEGATIVE_TTL_SECONDS: 60, CACHE_LEASE_MS: 1_000, CACHE_L1: 'on', ORIGIN_MAX_CONCURRENCY: 8 } as const;
  const mediaReader = new MediaReader({ client: { filesByModels }, store: noStore, settings, maxCopyBytes: 2_000_000, observe: () => undefined, maxAgeMs: () => Infinity });
  // The directive reaches nothing else of the services.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return createRequestContext({ mediaReader, explain: { token: undefined, storeTier: 'none' } } as Services, { requestId: 'test', viewer: { kind: 'anonymous' }, explainToken: undefined });
}

describe('@media', () => {
  it('gives any type its media in one line: the whole collection to a list, its last file to a single field', async () => {
    const schema = applyMediaDirective(
      makeExecutableSchema({
        typeDefs: `${base}
          type Book {
            id: ID!
            pages: [Media!] @media(modelType: "App\\\\Book", collectionName: "pages")
            last: Media @media(modelType: "App\\\\Book", collectionName: "pages")
          }
          type Query { books: [Book!]! }`,
        resolvers: { Media: { fileName: ({ file_name }: Media) => file_name }, Query: { books: () => [{ id: '7' }, { id: 8 }] } },
      }),
    );
    const asked: ModelQueryInput[][] = [];
    const { data, errors } = await graphql({ schema, source: '{ books { pages { fileName } last { fileName } } }', contextValue: contextOf(asked) });
    expect(errors).toBeUndefined();
    expect(JSON.parse(JSON.stringify(data))).toEqual({
      books: [
        { pages: [1, 2, 3].map((page) => ({ fileName: `page-${page}.png` })), last: { fileName: 'page-3.png' } },
        { pages: [], last: null },
      ],
    });
    expect(asked).toEqual([[
      expect.objectContaining({ model_type: 'App\\Book', model_id: '7', collection_name: 'pages' }),
      expect.objectContaining({ model_type: 'App\\Book', model_id: '8', collection_name: 'pages' }),
    ]]);
  });

  it('refuses at start a field that cannot be null', () => {
    const schema = makeExecutableSchema({ typeDefs: `${base} type Query { logo: Media! @media(modelType: "Site", collectionName: "logo") }` });
    expect(() => applyMediaDirective(schema)).toThrow(/logo.*nullable/);
  });
});
