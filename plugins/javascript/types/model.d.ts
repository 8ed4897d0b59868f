/**
 * A language model that the host talks to.
 *
 * Granted to agents; to a grader only by the operator, and its verdict says so. The
 * plugin names no provider, holds no key and opens no connection: it says what to
 * ask, and the host asks, counts, and stops it at its budget.
 *
 * A conversation lives in the host and only ever grows at its end. What a provider
 * wants to have back unchanged (reasoning that is encrypted or signed, ids, fields
 * that are unknown here) stays in the host and goes back byte for byte; the plugin
 * neither sees nor carries it.
 */

/** A model that this plugin may use. The operator chose it. */
export interface Offer {
  /** What it is asked for by: `main`, or another name that the operator gave. */
  name: string;
  /** What the provider calls it, for a log or a prompt. */
  id: string;
  /** Tokens of a whole conversation, where that is known. */
  contextTokens: number | null;
  /** The most tokens of one answer, where that is known. */
  answerTokens: number | null;
  /** Whether it may be given tools. */
  tools: boolean;
}

/** A tool that the model may call. The plugin carries the call out. */
export interface Tool {
  /** At most 64 of the characters `a-z`, `A-Z`, `0-9`, `_` and `-`. */
  name: string;
  /** What it does, for the model. */
  description: string;
  /** A JSON Schema of an object, as text. */
  parameters: string;
}

/** One value that goes to the provider as it is, or came from it. */
export interface Parameter {
  /** Its name in the provider's own words. */
  name: string;
  /** JSON. */
  value: string;
}

/**
 * How a conversation is set up. It does not change afterwards, as a prefix that
 * changes is paid for again and ends the validity of earlier reasoning.
 */
export interface Setup {
  /** The name of an offer. */
  model: string;
  /** What stands before everything; may be empty. */
  instructions: string;
  /** What the model may call, at most 128; may be empty. */
  tools: Tool[];
  /**
   * How hard it thinks: empty for the model's own default, or `none`, `minimal`,
   * `low`, `medium`, `high`, `xhigh`, `max`. One that the model does not have is
   * refused, with those that it has.
   */
  effort: string;
  /** The most tokens of one answer, reasoning included; the host's bound if none. */
  answerTokens: number | null;
  /**
   * Further parameters. The operator says which names are let through; another
   * one is refused.
   */
  parameters: Parameter[];
}

/** What a tool gave. */
export interface ToolResult {
  /** The id of the call that it answers. */
  call: string;
  /** What the model reads. */
  text: string;
  /** Whether it failed. */
  failed: boolean;
}

/** A call that the model makes. */
export interface ToolCall {
  /** Unique in the conversation. */
  id: string;
  /** The tool's name as the model wrote it: it may be none of those offered. */
  name: string;
  /** What should be JSON, as the model wrote it. */
  arguments: string;
}

/** A part of an answer, in the model's order. */
export type Part =
  /** Text. */
  | { tag: "text"; val: string }
  /** What can be read of its reasoning: often nothing, or a summary. */
  | { tag: "reasoning"; val: string }
  /** A call. */
  | { tag: "call"; val: ToolCall }
  /**
   * Something else, as the provider's JSON: to be looked at. It goes back by
   * itself.
   */
  | { tag: "other"; val: Parameter };

/**
 * Why an answer ended. What does not fit is `other`, and `stop-detail` has the
 * provider's own words in any case.
 */
export type Stop = "finished" | "calls" | "length" | "context" | "refused" | "paused" | "other";

/** Tokens as the provider counted them. A number that it does not tell is none. */
export interface Usage {
  /** Read, all of them: cached ones and those written to a cache included. */
  input: number | null;
  /** Of these, from a cache. */
  inputCached: number | null;
  /** Of these, written to a cache. */
  inputCacheWritten: number | null;
  /** Written, all of them, reasoning included. */
  output: number | null;
  /** Of these, reasoning. */
  outputReasoning: number | null;
}

/** An answer. */
export interface Answer {
  /** Its parts; may be empty. */
  parts: Part[];
  /** Why it ended. */
  stop: Stop;
  /** The provider's word for that, and what it explains; may be empty. */
  stopDetail: string;
  /**
   * What it used; what failed tries used counts against the budget and is in
   * the record only.
   */
  usage: Usage;
  /**
   * What it cost, failed tries included, in millionths of a dollar; none when no
   * price is known, which is not nothing.
   */
  cost: number | null;
}

/**
 * Why there is no answer. Each text is for a person, or a model, to read, and at
 * most 2,000 bytes.
 */
export type Failure =
  /** The budget does not allow it; nothing was sent. */
  | { tag: "over-budget"; val: string }
  /** The conversation is too long for the model. */
  | { tag: "too-long"; val: string }
  /** The plugin asked for something that is not allowed or not offered. */
  | { tag: "refused"; val: string }
  /** The provider does not take the request, and would not the next time. */
  | { tag: "rejected"; val: string }
  /** Anything else. */
  | { tag: "other"; val: string };

/**
 * What may be asked for; the first is the one that is meant. Empty when the operator
 * chose no model.
 */
export function offers(): Offer[];

/** A conversation with a model. A plugin may open 1,000, those of `without` included. */
export class Conversation {
  private constructor();
  /**
   * Begins one; nothing is sent.
   *
   * Throws an error whose `payload` is a `Failure`.
   */
  static open(setup: Setup): Conversation;
  /**
   * Adds what a user says.
   *
   * Throws an error whose `payload` is a `Failure`.
   */
  say(text: string): void;
  /**
   * Adds what tools gave. All calls of the last answer have to be answered at
   * once before the next `ask`.
   *
   * Throws an error whose `payload` is a `Failure`.
   */
  give(results: ToolResult[]): void;
  /**
   * Asks for an answer, and adds it. It takes as long as that takes, of the
   * agent's time for the task, the host's tries and waits included.
   *
   * Throws an error whose `payload` is a `Failure`.
   */
  ask(): Answer;
  /** How many entries it has: what was said, given and answered. */
  length(): number;
  /** A guess of its tokens, from the last usage and the bytes since. */
  tokens(): number;
  /**
   * A conversation of the same setup with the entries `first..end` left out;
   * calls and their results go together. Reasoning that would no longer be
   * valid is left out as well. The first ask of it is paid in full.
   *
   * Throws an error whose `payload` is a `Failure`.
   */
  without(first: number, end: number): Conversation;
}
