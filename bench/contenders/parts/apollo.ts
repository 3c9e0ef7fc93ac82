/** Apollo Server behind Fastify, as its integration's docs say, for the peers that are built on it. */
import { ApolloServer, type ApolloServerOptionsWithTypeDefs, type BaseContext } from '@apollo/server';
import type { IResolvers } from '@graphql-tools/utils';
import fastifyApollo, { fastifyApolloDrainPlugin } from '@as-integrations/fastify';
import { fastify } from 'fastify';
import { GraphQLUpload, type FileUpload } from 'graphql-upload-minimal';
import { mercuriusUpload } from 'mercurius-upload';
import { upload, type UploadInput } from './backend.js';
import { announce } from './process.js';
import { typeDefs } from './schema.js';

/** Multipart files, for a server whose uploads are those of graphql-upload-minimal. */
export const uploadResolvers = {
  Upload: GraphQLUpload,
  Mutation: {
    uploadFile: async (_parent: unknown, { input: { file, ...input } }: { input: UploadInput & { file: Promise<FileUpload> } }) => {
      const received = await file;
      return upload(input, received.filename, received.createReadStream());
    },
  },
};

export interface ApolloPeer<Context extends BaseContext> extends Pick<ApolloServerOptionsWithTypeDefs<Context>, 'cache' | 'plugins'> {
  resolvers: IResolvers<unknown, Context>;
  createContext: () => Context;
}

export async function serveApollo<Context extends BaseContext>({ resolvers, createContext, plugins = [], cache }: ApolloPeer<Context>): Promise<void> {
  const app = fastify();
  const apollo = new ApolloServer<Context>({
    typeDefs: [...typeDefs],
    resolvers: [uploadResolvers, resolvers],
    plugins: [fastifyApolloDrainPlugin(app), ...plugins],
    ...(cache && { cache }),
  });
  await apollo.start();
  await app.register(mercuriusUpload);
  await app.register(fastifyApollo(apollo), { path: '/graphql', context: () => Promise.resolve(createContext()) });
  announce({ graphql: `${await app.listen({ host: '127.0.0.1', port: 0 })}/graphql` });
}
