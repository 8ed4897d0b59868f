import assert from "node:assert/strict";
import { test } from "node:test";

import { Host, task } from "lancet-sdk/testing";

import { grading } from "../grader.js";

const manifest = new URL("../plugin.toml", import.meta.url);
const TASK = task({ proposals: ["Mend it.", "Mend it otherwise."] });

test("the right choice passes, and nothing else does", () => {
  for (const [answer, reason] of [
    [{ tag: "choice", val: 1 }, "right-choice"],
    [{ tag: "choice", val: 0 }, "wrong-choice"],
    [{ tag: "nothing" }, "no-submission"],
    [{ tag: "document", val: '{"selected_proposal_id": 1}' }, "wrong-kind"],
    [{ tag: "work-tree" }, "wrong-kind"],
  ]) {
    const host = new Host({ answer, answerKey: '{"correct": 1}', manifest });
    const verdict = host.check(host.run(() => grading.grade(TASK)));
    assert.equal(verdict.reason, reason);
    assert.equal(verdict.outcome, reason === "right-choice" ? "pass" : "fail");
    assert.equal(verdict.score, reason === "right-choice" ? 1000 : 0);
  }
});

test("a key that cannot be read is no fail", () => {
  for (const answerKey of [
    "",
    "{}",
    "[]",
    "null",
    '{"correct": true}',
    '{"correct": "1"}',
    '{"correct": -1}',
    '{"correct": 1.5}',
    '{"correct": 4294967296}',
    '{"correct": 1e999}',
    '{"correct": 1, "other": NaN}',
    `{"correct": 1}${" ".repeat(1000)}`,
  ]) {
    const host = new Host({ answer: { tag: "choice", val: 1 }, answerKey });
    assert.throws(() => host.run(() => grading.grade(TASK)), { tag: "bad-answer-key" }, answerKey);
  }
});

test("a number may be written in any way", () => {
  const long = '{"correct": 1}'.padEnd(1000);
  for (const answerKey of ['{"correct": 1.0, "mode": "strict"}', '{"correct": 10e-1}', '{"correct": 0, "correct": 1}', long]) {
    const host = new Host({ answer: { tag: "choice", val: 1 }, answerKey });
    assert.equal(host.run(() => grading.grade(TASK)).reason, "right-choice", answerKey);
  }
});
