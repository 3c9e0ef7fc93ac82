/** GraphQL over HTTP: the audits of graphql-http find no error, and no warning that a bare Apollo Server does not have. */
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serverAudits } from 'graphql-http';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { startGateway, type Program } from '../support/programs.js';

/** Ids and names of the audits that did not pass, by how they ended. */
async function failures(url: string): Promise<{ errors: string[]; warnings: string[] }> {
  const results = await Promise.all(serverAudits({ url, fetchFn: fetch }).map((audit) => audit.fn()));
  const named = (status: string): string[] => results.filter((result) => result.status === status).map(({ id, name }) => `${id} ${name}`);
  return { errors: named('error'), warnings: named('warn') };
}

describe('GraphQL over HTTP', () => {
  let origin: FakeOrigin;
  let gateway: Program;
  let apolloUrl: string;
  const apollo = new ApolloServer({ typeDefs: 'type Query { hello: String }' });

  beforeAll(async () => {
    ({ url: apolloUrl } = await startStandaloneServer(apollo, { listen: { port: 0, host: '127.0.0.1' } }));
    origin = await startFakeOrigin();
    gateway = await startGateway({ MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address });
  });
  afterAll(async () => {
    await gateway.stop();
    await apollo.stop();
    await origin.stop();
  });

  it.each(['/graphql', '/query'])("passes graphql-http's audits at %s as a bare Apollo Server does", async (path) => {
    const bare = await failures(apolloUrl);
    const ours = await failures(`${gateway.url}${path}`);
    expect(ours.errors).toEqual([]);
    expect(ours.warnings.filter((warning) => !bare.warnings.includes(warning))).toEqual([]);
  });
});
