/**
 * What the agent handed in, read only. Granted to graders.
 *
 * The agent has been stopped by the time this can be called; nothing here
 * changes any more.
 */

import type { Answer as HandedIn, CallError } from "./types.js";

/** A file as it was handed in. */
export interface WrittenFile {
  /** The SHA-256 of the file's bytes: 64 hexadecimal digits in lower case. */
  sha256: string;
  /** How many bytes the file has. */
  bytes: number;
  /** Whether the file may be executed. */
  executable: boolean;
}

/** What happened to a file of the work tree. */
export type FileChange =
  /** The file is there with these bytes: it is new, or differs from the image. */
  | { tag: "written"; val: WrittenFile }
  /** The file is gone. */
  | { tag: "deleted" };

/** One path of a work tree that was handed in. */
export interface SubmittedFile {
  /** Where the file is, from the work tree: names joined by `/`, at most 3,072 bytes. */
  path: string;
  /** What happened to the file. */
  change: FileChange;
}

/** The answer, exactly as the agent left it. */
export function answer(): HandedIn;

/**
 * What differs from the task's image in a work tree that was handed in, sorted
 * by path. Empty when the answer is something else.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function files(): SubmittedFile[];

/**
 * Bytes of a file that was handed in, from `offset`: at most `length`, and
 * never more than 1 MiB. Fewer, or none, where the file ends.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function read(path: string, offset: number, length: number): Uint8Array;

/**
 * Bytes of the readable unified diff of what was handed in, as `read` gives
 * them. Empty when there is none.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function diff(offset: number, length: number): Uint8Array;
