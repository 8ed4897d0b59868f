/**
 * A user who reproduces the issue for the agent. Granted to agents.
 *
 * It stands for the person who reported the issue and tries the app again. Which
 * steps it takes is the task's secret; what it saw comes back.
 */

import type { CallError, ArtifactEntry } from "./types.js";

/** What the user saw. */
export interface Observation {
  /**
   * Whether the steps could be carried out to their end. It does not say
   * that the issue is gone.
   */
  completed: boolean;
  /**
   * What the user saw, as a log, a trace and screenshots to be read one by one;
   * sorted by name. A trace holds what the page did, and nothing of the steps but
   * their kind and time.
   */
  artifacts: ArtifactEntry[];
}

/**
 * Has the user go through its steps on the work tree as it is now, in a
 * container of its own. It takes as long as that takes, of the agent's time
 * for the task. `unavailable` when the task has no such user, when the agent's
 * time is over, and when the host can give nothing of what the user saw: a trace
 * cannot be made anew of what may be known, or a log quotes a test.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function reproduce(): Observation;

/**
 * Bytes of an artifact of the last `reproduce`, from `offset`: at most
 * `length`, and never more than 1 MiB. Fewer, or none, where it ends.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function read(name: string, offset: number, length: number): Uint8Array;
