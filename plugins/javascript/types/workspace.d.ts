/**
 * The files of the work tree that the agent works on. Granted to agents.
 *
 * The work tree lies in a container of the task's image, which has no network.
 * What it holds when the agent answers `work-tree` is what is handed in: files
 * that differ from the image, and files that are gone.
 *
 * A path names a file from the work tree: names joined by `/`, UTF-8, at most
 * 3,072 bytes. It is refused when it is absolute, has an empty name, `.` or
 * `..` in it, or leads out of the work tree through a symbolic link. Only
 * regular files are read and written.
 *
 * A task without an environment answers `unavailable`, and so does everything
 * here when the agent's time for the task is over.
 */

import type { CallError } from "./types.js";

/** A file of the work tree. */
export interface Entry {
  /** Where the file is, from the work tree. */
  path: string;
  /** How many bytes the file has. */
  bytes: number;
}

/** A line that a search found. */
export interface Hit {
  /** The file that the line is in, from the work tree. */
  path: string;
  /** The line's number, from 1. */
  line: number;
  /** The line: at most 512 bytes of it are given. */
  text: string;
}

/**
 * The regular files below a folder, at any depth, sorted by path; `.git` is
 * left out. At most the first 10,000. An empty path is the work tree itself.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function list(path: string): Entry[];

/**
 * Bytes of a file, from `offset`: at most `length`, and never more than
 * 1 MiB. Fewer, or none, where the file ends.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function read(path: string, offset: number, length: number): Uint8Array;

/**
 * Lines that match a POSIX extended regular expression of at most 4,096
 * bytes, in the text files below a folder; `.git` is left out. At most 10,000
 * hits. An empty path is the work tree itself.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function search(pattern: string, path: string): Hit[];

/**
 * Makes a file hold these bytes, at most 1 MiB, and nothing else. It is made,
 * with its folders, when it is not there.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function write(path: string, contents: Uint8Array): void;

/**
 * Removes a file.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function remove(path: string): void;

/**
 * Applies a unified diff of at most 1 MiB, as `git diff` or `diff -u` writes
 * it: all of it, or nothing. It does not matter what the image has installed,
 * nor whether the work tree is in a repository. Hunks are found at other lines
 * than they name, and with up to two lines of context that differ. `other` says
 * by line why it does not apply.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function applyPatch(patch: string): void;

/**
 * Applies the operator's text for this task (see `input`) as `apply-patch` would,
 * without the plugin having to hold it: it may be as large as what the task lets
 * be handed in. False when the operator gave no text; a text of nothing but white
 * space is applied by doing nothing.
 *
 * Throws an error whose `payload` is a `CallError`.
 */
export function applyInput(): boolean;
