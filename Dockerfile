# One image for all programs; docker-compose.yml names which one a container runs.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:22-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
# Read by the programs at their start.
COPY schema schema
COPY proto proto
COPY ops/healthcheck.js ops/healthcheck.js
USER node
# node itself, not npm: npm ends on SIGTERM while the program still finishes its work.
CMD ["node", "dist/gateway/main.js"]
