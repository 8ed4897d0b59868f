// A grader: a pass for the proposal that the answer key names as `correct`.
import { read } from "lancet:plugin/answer-key@0.1.0";
import { write } from "lancet:plugin/log@0.1.0";
import { answer } from "lancet:plugin/submission@0.1.0";
import { badAnswerKey, failed, grader, passed } from "../../plugins/javascript/index.js";

function correct() {
  let key = {};
  try {
    key = JSON.parse(read());
  } catch {
    // As if it held nothing.
  }
  if (Number.isInteger(key.correct)) return key.correct;
  throw badAnswerKey("there is no number `correct` in it");
}

export const grading = grader((task) => {
  const expected = correct();
  const given = answer();
  const right = given.tag === "choice" && given.val === expected;
  const detail = given.tag === "choice" ? `${given.val} of ${task.proposals.length} was chosen` : "nothing was chosen";
  write("info", "compared", [{ key: "detail", value: detail }]);
  const checks = [{ name: "choice", passed: right, detail }];
  return right ? passed("as-in-the-key", { checks }) : failed("not-as-in-the-key", { checks });
});
