/** The share of imports that a stored copy answered, as it is shown everywhere. */
import type { CounterName } from '../rows/counters.js';

/** `30.0%`; nothing asked for is `0.0%`. */
export function hitRate({ total_requests, cache_hits }: Readonly<Record<Extract<CounterName, 'total_requests' | 'cache_hits'>, number>>): string {
  const rate = total_requests > 0 ? cache_hits / total_requests : 0;
  return `${(100 * rate).toFixed(1)}%`;
}
