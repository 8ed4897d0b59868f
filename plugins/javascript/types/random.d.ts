/**
 * Numbers that look random and are the same each time.
 *
 * They come from a ChaCha8 stream whose key is derived from the run's seed and
 * the task's id (and the number of the attempt, from the second one on), so the
 * same run gives the same numbers whatever the order or the parallelism of its
 * tasks. Granted to agents; a grader has no use for chance.
 */

/** The next 64 bits of the stream. */
export function nextU64(): number;

/** A number below `bound`, uniform without bias. Traps when `bound` is 0. */
export function below(bound: number): number;
