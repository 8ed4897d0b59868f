// A grader: a pass for the proposal that the answer key names as `correct`.
import { read } from "lancet:plugin/answer-key@0.1.0";
import { write } from "lancet:plugin/log@0.1.0";
import { answer } from "lancet:plugin/submission@0.1.0";
import { guarded } from "./guarded.js";

function correct() {
  let key = {};
  try {
    key = JSON.parse(read());
  } catch {
    // As if it held nothing.
  }
  if (Number.isInteger(key.correct)) return key.correct;
  throw { tag: "bad-answer-key", val: "there is no number `correct` in it" };
}

export const grading = {
  grade: guarded((task) => {
    const right = correct();
    const given = answer();
    const passed = given.tag === "choice" && given.val === right;
    const detail =
      given.tag === "choice" ? `${given.val} of ${task.proposals.length} was chosen` : "nothing was chosen";
    write("info", "compared", [{ key: "detail", value: detail }]);
    return {
      outcome: passed ? "pass" : "fail",
      reason: passed ? "as-in-the-key" : "not-as-in-the-key",
      score: passed ? 1000 : 0,
      checks: [{ name: "choice", passed, detail }],
      explanation: "",
    };
  }),
};
