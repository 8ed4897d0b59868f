import type { Answer, Check, Task, Verdict } from "./types.js";

export type * from "./types.js";

/**
 * What a grader exports as `grading`, of the function that judges one submission. The function
 * has to come to the same verdict whenever it reads the same things. It throws `badAnswerKey` or
 * `unsupported` when it cannot come to one. What it returns besides a verdict is a mistake, whose
 * words say what was expected.
 */
export function grader(judge: (task: Task) => Verdict): { grade(task: Task): Verdict };

/**
 * What an agent exports as `solving`, of the function that works on one task. It throws
 * `unsupported` when it does not work on tasks of that kind. What it returns besides an answer is
 * a mistake, whose words say what was expected.
 */
export function agent(work: (task: Task) => Answer): { solve(task: Task): Answer };

/** To be thrown: the task's private configuration cannot be used; the text says what was expected. For graders. */
export function badAnswerKey(text: string): PluginError;

/** To be thrown: the plugin does not work on, or judge, tasks of this kind. */
export function unsupported(text: string): PluginError;

/** An error that the contract has. */
export class PluginError extends Error {
  constructor(tag: "bad-answer-key" | "unsupported" | "other", val: string);
  readonly tag: "bad-answer-key" | "unsupported" | "other";
  readonly val: string;
}

/** The verdict *pass*, with a reason code and a score from 1 to 1000 thousandths. */
export function passed(
  reason: string,
  more?: { score?: number; checks?: Check[]; explanation?: string },
): Verdict;

/** The verdict *fail*, with a reason code. What cannot be decided is an error, and no fail. */
export function failed(reason: string, more?: { checks?: Check[]; explanation?: string }): Verdict;
