export function waitForOutcome({ ask, now, sleep, random, returned, signal, ...waiting }: Waiting): Promise<Outcome>;
/** Resolves after `ms`, or as soon as `signal` aborts. @type {Waiting['sleep']} */
export const sleeping: Waiting["sleep"];
import type { Waiting } from './shapes.js';
import type { Outcome } from './shapes.js';
