/** What the gateways of the soak are told, and what the checks take from it. */
import type { Env } from './fleet.js';
import { explainToken } from './questions.js';

/** The queues that all gateways share. */
export const sharedQueues = ['api-gateway-media-uploaded', 'api-gateway-media-deleted', 'api-gateway-media-updated'] as const;

/** δ: how many milliseconds an answer in the process may be behind an applied event. */
export const leaseMs = 250;

/** Entries end soon, so that expiry and renewal take part; leases end soon, so that some loads are overtaken. */
export const gatewayEnv: Env = {
  LOG_LEVEL: 'warn',
  EXPLAIN_TOKEN: explainToken,
  CACHE_L1: 'on',
  CACHE_L1_LEASE_MS: String(leaseMs),
  CACHE_TTL_SECONDS: '60',
  CACHE_NEGATIVE_TTL_SECONDS: '20',
  CACHE_LEASE_MS: '1000',
};
