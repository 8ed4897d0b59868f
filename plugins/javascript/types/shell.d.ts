/**
 * Commands in the agent's container. Granted to agents.
 *
 * They run with the work tree as their folder, without privileges and without a
 * network, and see what `workspace` shows. What they leave in the work tree is
 * handed in with it.
 */

import type { CallError } from "./types.js";

/** What a command did. */
export interface CommandOutput {
  /** The command's exit status; none when its time was over and it was ended. */
  exitStatus: number | null;
  /** What the command wrote to standard output: the first 256 KiB. */
  stdout: Uint8Array;
  /** What the command wrote to standard error: the first 256 KiB. */
  stderr: Uint8Array;
  /** How many bytes of both streams were dropped. */
  droppedBytes: number;
}

/**
 * Runs `sh -c COMMAND`; the command has at most 64 KiB. Its time is at least
 * 1 second and at most 3,600, whatever is asked for, and never longer than
 * what is left of the agent's time for the task. A task without an environment,
 * and an agent whose time is over, get `unavailable`.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function run(command: string, timeoutSeconds: number): CommandOutput;
