/**
 * What test runs left: logs, traces, screenshots. Granted to graders.
 *
 * It was written where the tests ran. With the app and the tests in one container
 * submitted code can have written it, so it is for people: a verdict rests on
 * the report of `tests.run`.
 */

import type { CallError, ArtifactEntry } from "./types.js";

/**
 * What the run that counts of the last `tests.run` left, sorted by name. Empty
 * before. A task without an environment answers `unavailable`.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function list(): ArtifactEntry[];

/**
 * Bytes of an artifact of that list, from `offset`: at most `length`, and
 * never more than 1 MiB. Fewer, or none, where it ends.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function read(name: string, offset: number, length: number): Uint8Array;
