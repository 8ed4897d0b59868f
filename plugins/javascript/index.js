// What a plugin exports, and the words for verdicts and errors.
import { write } from "lancet-sdk/log";

// The most characters of a stack that are written: the log keeps 4 KiB of a message.
const MAX_STACK = 1000;

// What a grader exports as `grading`, of the function that judges one submission.
export function grader(judge) {
  return { grade: guarded(judge) };
}

// What an agent exports as `solving`, of the function that works on one task.
export function agent(work) {
  return { solve: guarded(work) };
}

// To be thrown: the task's private configuration cannot be used. For graders.
export function badAnswerKey(text) {
  return new PluginError("bad-answer-key", text);
}

// To be thrown: the plugin does not work on, or judge, tasks of this kind.
export function unsupported(text) {
  return new PluginError("unsupported", text);
}

// An error that the contract has. As one of its variants it has `tag` and `val`.
export class PluginError extends Error {
  constructor(tag, val) {
    super(val);
    this.tag = tag;
    this.val = val;
  }
}

// The verdict *pass*, with a reason code and a score from 1 to 1000 thousandths.
export function passed(reason, { score = 1000, checks = [], explanation = "" } = {}) {
  return { outcome: "pass", reason, score, checks, explanation };
}

// The verdict *fail*, with a reason code. What cannot be decided is an error, and no fail.
export function failed(reason, { checks = [], explanation = "" } = {}) {
  return { outcome: "fail", reason, score: 0, checks, explanation };
}

// Errors of the contract go to the host as they are. What else is thrown is a mistake of the
// plugin's: it is written to the log, where the host looks for it, and thrown again.
function guarded(work) {
  return (task) => {
    try {
      return work(task);
    } catch (error) {
      if (typeof error?.tag === "string" && typeof error?.val === "string") {
        throw { tag: error.tag, val: error.val };
      }
      const said = error?.payload === undefined ? "" : ` ${JSON.stringify(error.payload)}`;
      const stack = String(error?.stack ?? "").slice(0, MAX_STACK);
      const place = stack.split("\n", 1)[0].trim();
      write("error", `${error}${said}\n${stack}`.trim().slice(0, 2 * MAX_STACK), [{ key: "panic", value: place }]);
      throw error;
    }
  };
}
