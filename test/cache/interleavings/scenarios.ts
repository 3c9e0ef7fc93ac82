/** Small worlds, each with what can go wrong in it. */
import { copyScenarios } from './scenarios-copies.js';
import { leaseScenarios } from './scenarios-leases.js';
import { outageScenarios } from './scenarios-outages.js';
import { receiptScenarios } from './scenarios-receipts.js';
import { siblingScenarios } from './scenarios-siblings.js';
import type { World } from './world.js';

export const scenarios: Readonly<Record<string, (world: World) => void>> = { ...leaseScenarios, ...outageScenarios, ...copyScenarios, ...receiptScenarios, ...siblingScenarios };
