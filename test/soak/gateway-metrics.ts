/** What the soak takes from a gateway's `/metrics`. The only place that knows the names. */
const refusedFills = /^media_cache_fills_refused_total (\d+)/m;

/** Fills that the cache has refused since the gateway started. Undefined when it does not answer. */
export async function refusedFillsOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(1_000) });
    return Number(refusedFills.exec(await response.text())?.[1] ?? 0);
  } catch {
    return undefined;
  }
}
