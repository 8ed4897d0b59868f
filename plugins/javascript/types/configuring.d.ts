/** What the operator can set of an agent. Exported by those that have something to set. */

/** What values a setting has, as JSON. */
export type Kind =
  /** A string. */
  | "text"
  /** A whole number from 0 to 2^53 - 1. */
  | "number"
  /** `true` or `false`. */
  | "flag";

/** A setting. */
export interface Setting {
  /** Lower-case words joined by `-`, at most 64 bytes. */
  name: string;
  /** What values it has. */
  kind: Kind;
  /** The value when the operator gives none, as JSON. */
  default: string;
  /** The values that it may have, when it is a text and may not have all. */
  choices: string[];
  /** What it does, in one sentence. */
  about: string;
  /** The smallest value that it takes, when it is a number; 0 if none. */
  least: number | null;
  /** The largest value that it takes, when it is a number; 2^53 - 1 if none. */
  most: number | null;
}

/** A prompt: a template in the language of Jinja. */
export interface Prompt {
  /** The template when the operator gives none, at most 1 MiB. */
  text: string;
  /**
   * The variables that a template may use, at most 200: letters, digits and `_`, no
   * digit first.
   */
  variables: string[];
}

/** All that can be set. */
export interface Configuration {
  /** The settings, at most 200; each name once. */
  settings: Setting[];
  /** The prompt, if there is one. */
  prompt: Prompt | null;
}

/**
 * Tells what can be set. Called before a run, with nothing behind any import: whatever
 * asks the host ends it, and the agent is refused.
 */
export function describe(): Configuration;
