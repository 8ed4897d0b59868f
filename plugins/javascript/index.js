// What a plugin exports, and the words for verdicts and errors.
import { write } from "lancet-sdk/log";

import { without } from "./absent.js";
import { answer, verdict } from "./shape.js";

// How much of what nobody caught is written: the log keeps 4 KiB of a message, and behind an
// error's own words there should be room for where it was thrown.
const MAX_TEXT = 3000;
const MAX_WORDS = 1000;

// What a grader exports as `grading`, of the function that judges one submission.
export function grader(judge) {
  return { grade: guarded(judge, verdict, ["bad-answer-key", "unsupported", "other"]) };
}

// What an agent exports as `solving`, of the function that works on one task.
export function agent(work) {
  return { solve: guarded(work, answer, ["unsupported", "other"]) };
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

// What is returned goes to the host in the shape that the contract wants, and so do errors that
// the contract has for a role. What else is thrown is a mistake of the plugin's: it is written to
// the log, where the host looks for it, and thrown again.
function guarded(work, shape, tags) {
  if (typeof work !== "function") throw new TypeError(`expected a function of a task, found ${typeof work}`);
  return (task) => {
    try {
      return shape(without(() => work(signless(task))), task);
    } catch (error) {
      if (tags.includes(error?.tag) && typeof error.val === "string") {
        // What is no UTF-8 cannot cross the boundary.
        throw { tag: error.tag, val: error.val.toWellFormed() };
      }
      tell(error);
      throw error;
    }
  };
}

// The task with its proposals' ids as they are: QuickJS reads those from 2^31 on as negative.
function signless(task) {
  return { ...task, proposals: task.proposals.map((proposal) => ({ ...proposal, id: proposal.id >>> 0 })) };
}

// Writes what nobody caught to the log, with where.
function tell(error) {
  try {
    const stack = error instanceof Error && typeof error.stack === "string" ? error.stack : "";
    const text = `${named(error)}\n${frames(stack)}`.trimEnd().slice(0, MAX_TEXT);
    const place = frames(stack).split("\n", 1)[0].trim().slice(0, MAX_WORDS);
    write("error", text, [{ key: "panic", value: place }]);
  } catch {
    // There is no memory left: then it fails without words.
  }
}

function named(error) {
  let words;
  try {
    const said = error?.payload === undefined ? "" : ` ${JSON.stringify(error.payload)}`;
    words = `${error}${said}`;
  } catch {
    // Its own `toString` fails.
    words = typeof error;
  }
  return words.length > MAX_WORDS ? `${words.slice(0, MAX_WORDS)}...` : words;
}

// The lines of a stack that say where, innermost first: some engines repeat the words above them.
function frames(stack) {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => /^\s+at /.test(line));
  return first < 0 ? stack : lines.slice(first).join("\n");
}
