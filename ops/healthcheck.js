/**
 * A container's health check, as the image has no curl: exits 0 when the http URL given answers 200, or when the health service
 * at the grpc URL given says SERVING (with TLS where the container's settings name the files), and 1 within three seconds otherwise.
 */
const timeoutMs = 2_500;

async function answersHttp(url) {
  const { ok } = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  return ok;
}

async function servesGrpc(target) {
  // Loaded by the services without HTTP only.
  const [{ makeClientConstructor }, { service }, { clientCredentials }] = await Promise.all([
    import('@grpc/grpc-js'),
    import('grpc-health-check'),
    import('../dist/runtime/grpc.js'),
  ]);
  const Health = makeClientConstructor(service, 'Health');
  const client = new Health(target, await clientCredentials(process.env));
  return new Promise((resolve, reject) => {
    client.check({ service: '' }, { deadline: Date.now() + timeoutMs }, (error, answer) => {
      if (error) reject(error);
      else resolve(answer.status === 'SERVING');
    });
  });
}

async function isHealthy(url) {
  return url.startsWith('grpc://') ? servesGrpc(url.slice('grpc://'.length)) : answersHttp(url);
}

process.exit(await isHealthy(process.argv[2] ?? '').then((healthy) => (healthy ? 0 : 1), () => 1));
