// A grader of both kinds of tasks: a pass for the proposal that the answer key names as `correct`, or
// for a work tree with which the plan that it names passes.
import { read } from "lancet:plugin/answer-key@0.1.0";
import { write } from "lancet:plugin/log@0.1.0";
import { answer } from "lancet:plugin/submission@0.1.0";
import { plans, run as runPlan } from "lancet:plugin/tests@0.1.0";
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

function choice(task) {
  const expected = correct();
  const given = answer();
  const right = given.tag === "choice" && given.val === expected;
  const detail = given.tag === "choice" ? `${given.val} of ${task.proposals.length} was chosen` : "nothing was chosen";
  write("info", "compared", [{ key: "detail", value: detail }]);
  const checks = [{ name: "choice", passed: right, detail }];
  return right ? passed("as-in-the-key", { checks }) : failed("not-as-in-the-key", { checks });
}

function workTree() {
  const name = JSON.parse(read()).plan;
  const plan = plans().find((plan) => plan.name === name);
  if (plan === undefined) throw badAnswerKey("there is no plan of the task's under `plan` in it");
  const { tag } = answer();
  if (tag !== "work-tree") return failed(tag === "nothing" ? "no-submission" : "wrong-kind");
  const { runs } = runPlan(plan.name);
  const run = runs.find((run) => run.conclusion.outcome === "pass") ?? runs[0];
  const checks = plan.required.map((test) => required(test, run));
  const held = checks.filter((check) => check.passed).length;
  const { outcome, reason, detail } = run.conclusion;
  const explanation = `${held} of ${checks.length} required tests passed in ${runs.length} runs: ${detail}`;
  write("info", "tested", [{ key: "held", value: String(held) }]);
  return { outcome, reason, score: outcome === "pass" ? 1000 : 0, checks, explanation };
}

function required(test, run) {
  const statuses = run.cases.filter((found) => found.id === test).map((found) => found.status);
  const passed = statuses.length > 0 && statuses.every((status) => status === "passed");
  return { name: test, passed, detail: statuses.join(", ") || "not run" };
}

export const grading = grader((task) => (task.kind === "swe-manager" ? choice(task) : workTree()));
