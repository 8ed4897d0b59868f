import type { Allowance } from "./budget.js";
import type { Level } from "./log.js";
import type { Answer as ModelAnswer, ToolCall } from "./model.js";
import type { CommandOutput } from "./shell.js";
import type { Plan, TestReport } from "./tests.js";
import type { Answer, Proposal, Task, TaskKind, Verdict } from "./types.js";

/** A task. Proposals that are texts are numbered from 0. */
export function task(given?: {
  id?: string;
  kind?: TaskKind;
  title?: string;
  statement?: string;
  price?: number;
  proposals?: (string | Proposal)[];
}): Task;

/** The report of a plan that was run once: a pass if no test case failed. */
export function report(plan: string, cases?: { passed?: string[]; failed?: string[] }): TestReport;

/** An answer of a model: a text, and calls of tools. */
export function says(text?: string, ...calls: ToolCall[]): ModelAnswer;

/** Files by their paths. */
export type Files = Record<string, string | Uint8Array>;

/**
 * What stands behind a plugin's calls in a unit test. It answers as a run does, from what it was
 * given; its random numbers are others than a run's.
 */
export class Host {
  constructor(given?: {
    /** For graders: what was handed in; nothing if it is left out. */
    answer?: Answer;
    /** For graders: the text of the task's private key. */
    answerKey?: string;
    /** For graders: files of the work tree that was handed in, which are new or differ. */
    files?: Files;
    /** For graders: paths of files that are gone. */
    deleted?: string[];
    /** For graders: the readable diff. */
    diff?: string | Uint8Array;
    /** For graders: what runs of the task's test plans come to. */
    reports?: TestReport[];
    /** For graders: the plans, where they are not to be made of the reports. */
    plans?: Plan[];
    /** For graders: what test runs left. */
    artifacts?: Files;
    /** For agents: the operator's text. */
    input?: string | null;
    /** For agents: the files of the work tree; none if the task has no environment. */
    workspace?: Files | null;
    /** For agents: what a command does. */
    shell?: ((command: string) => CommandOutput) | null;
    /** For agents: what the user sees. */
    saw?: Files | null;
    /** What was set, by name. */
    settings?: Record<string, string | number | boolean>;
    /** The text of the prompt. */
    prompt?: string | null;
    /** What is left to spend. */
    allowances?: Allowance[];
    /** What a model answers, one after the other. */
    answers?: ModelAnswer[];
    /** What the random numbers begin with. */
    seed?: number;
    /** The path of a `plugin.toml`: an interface that it does not ask for cannot be called. */
    manifest?: string | URL | null;
  });

  /** What a function gives that may ask this host, and has no clock and no `Math.random`, as in a run. */
  run<T>(work: () => T): T;

  /**
   * The verdict as a run has it, if it takes it; an error says why it would be refused. Not looked
   * at is whether the reason is one that only the host gives, such as `disk-full`.
   */
  check(verdict: Verdict): Verdict;

  /** The notes that the plugin wrote. */
  readonly logged: { level: Level; message: string; fields: Record<string, string> }[];
  /** What each ask of a model was asked: the entries of the conversation until then. */
  readonly asked: unknown[][];
  /** The plans that were run, and the commands. */
  readonly ran: string[];
  /** The files of the work tree, as the agent left them. */
  readonly workspace: Map<string, Uint8Array> | null;
}
