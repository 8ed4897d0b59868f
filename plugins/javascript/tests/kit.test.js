// The kit itself: what the host for unit tests answers, and what becomes of mistakes.
import assert from "node:assert/strict";
import { test } from "node:test";

import { agent, badAnswerKey, failed, grader, passed, unsupported } from "lancet-sdk";
import { read as readKey } from "lancet-sdk/answer-key";
import * as artifacts from "lancet-sdk/artifacts";
import * as budget from "lancet-sdk/budget";
import { read as readInput } from "lancet-sdk/input";
import { Conversation } from "lancet-sdk/model";
import { below, nextU64 } from "lancet-sdk/random";
import { setting, value } from "lancet-sdk/settings";
import * as shell from "lancet-sdk/shell";
import * as submission from "lancet-sdk/submission";
import { Host, report, says, task } from "lancet-sdk/testing";
import * as tests from "lancet-sdk/tests";
import * as user from "lancet-sdk/user-tool";
import * as workspace from "lancet-sdk/workspace";

const text = (bytes) => new TextDecoder().decode(bytes);
const fails = (work, tag) => assert.throws(work, (error) => error instanceof Error && error.payload.tag === tag);

test("outside of a host nothing is answered", () => {
  for (const call of [readKey, submission.answer, () => value("a"), () => tests.run("all")]) {
    assert.throws(call, /asks the host, and there is none/);
  }
  assert.equal(new Host({ answerKey: "1" }).run(readKey), "1");
  assert.throws(readKey, /there is none/);
});

test("a plan is run once, and a file is read in parts", () => {
  const host = new Host({
    answer: { tag: "work-tree" },
    files: { b: new Uint8Array(3 << 20), a: "" },
    deleted: ["c"],
    diff: "--- a",
    reports: [report("all", { passed: ["one"], failed: ["two"] })],
    artifacts: { "log.txt": "it failed" },
  });
  host.run(() => {
    assert.deepEqual(tests.plans().map(({ name }) => name), ["all"]);
    assert.equal(tests.run("all").runs[0].conclusion.outcome, "fail");
    fails(() => tests.run("all"), "refused");
    fails(() => tests.run("none"), "not-found");
    assert.deepEqual(submission.files().map(({ path }) => path), ["a", "b", "c"]);
    assert.equal(submission.read("b", 10, 4 << 20).length, 1 << 20);
    assert.equal(text(submission.diff(4, 100)), "a");
    assert.equal(artifacts.list()[0].bytes, 9);
  });
  new Host().run(() => fails(() => tests.run("all"), "unavailable"));
});

test("an agent works in the work tree", () => {
  const host = new Host({
    input: "Do it.",
    workspace: { "src/a.txt": "one\ntwo\n" },
    shell: (command) => ({ exitStatus: 0, stdout: command, stderr: "", droppedBytes: 0 }),
    saw: { "log.txt": "it broke" },
    settings: { steps: 3 },
    allowances: [
      { unit: "asks", limit: 10, used: 4 },
      { unit: "asks", limit: 8, used: 4 },
    ],
  });
  host.run(() => {
    assert.equal(readInput(), "Do it.");
    assert.deepEqual(workspace.search("tw.", "src").map(({ line }) => line), [2]);
    workspace.write("src/b.txt", new Uint8Array([110]));
    workspace.remove("src/a.txt");
    assert.equal(shell.run("ls", 1).stdout, "ls");
    assert.equal(text(user.read(user.reproduce().artifacts[0].name, 3, 2)), "br");
    assert.deepEqual([setting("steps"), setting("other")], [3, null]);
    assert.deepEqual([budget.left("asks"), budget.left("tokens")], [4, null]);
    assert.ok(below(3) < 3 && nextU64() >= 0);
  });
  assert.deepEqual([...host.workspace.keys()], ["src/b.txt"]);
});

test("a model answers what the test has written", () => {
  const host = new Host({ answers: [says("one"), says("", { id: "1", name: "do", arguments: "{}" })] });
  host.run(() => {
    const talk = Conversation.open({ model: "main", instructions: "", tools: [], effort: "", answerTokens: null, parameters: [] });
    talk.say("hello");
    assert.deepEqual(talk.ask().parts, [{ tag: "text", val: "one" }]);
    assert.equal(talk.ask().stop, "calls");
    fails(() => talk.ask(), "over-budget");
  });
  assert.deepEqual(host.asked[0], ["hello"]);
  new Host().run(() => fails(() => Conversation.open({}), "refused"));
});

test("what a run refuses is refused", () => {
  const host = new Host({ answer: { tag: "choice", val: 1 } });
  host.check(passed("right-choice", { score: 500, checks: [{ name: "a", passed: true, detail: "" }] }));
  host.check(failed("wrong-choice"));
  const one = { name: "a", passed: true, detail: "" };
  for (const verdict of [
    passed("right-choice", { score: 0 }),
    passed("right-choice", { score: 1001 }),
    passed("Right choice"),
    failed("wrong-choice", { checks: [one, one] }),
    passed("1st-choice"),
    failed("wrong-choice", { explanation: `${"\u00e9".repeat(2 << 10)}x` }),
    failed("wrong-choice", { checks: [{ ...one, detail: "x".repeat((4 << 10) + 1) }] }),
    failed("wrong-choice", {
      checks: Array.from({ length: 16 }, (_, n) => ({ ...one, name: `${n}`, detail: "x".repeat(4 << 10) })),
    }),
    { ...failed("broken"), outcome: "invalid", score: 1 },
  ]) {
    assert.throws(() => host.check(verdict), /the host refuses this verdict/);
  }
  host.check(failed("wrong-choice", { explanation: "x".repeat(4 << 10) }));
  assert.throws(() => new Host().check(passed("right-choice")), /without a submission/);
});

test("a work tree passes on tests that passed", () => {
  const reports = [report("good", { passed: ["one"] }), report("bad", { passed: ["one"], failed: ["two"] })];
  const host = new Host({ answer: { tag: "work-tree" }, reports });
  host.run(() => {
    host.check(failed("tests-failed"));
    tests.run("bad");
    assert.throws(() => host.check(passed("tests-passed")), /without a test run that passed/);
    tests.run("good");
    host.check(passed("tests-passed"));
  });
});

test("errors of the contract are its variants, and others go to the log", () => {
  const thrown = (plugin, method, error) => {
    const host = new Host();
    const work = plugin(() => {
      throw error;
    });
    try {
      host.run(() => work[method](task()));
    } catch (error) {
      return { error, logged: host.logged };
    }
    throw new Error("nothing was thrown");
  };
  const key = thrown(grader, "grade", badAnswerKey("no number"));
  assert.deepEqual(key, { error: { tag: "bad-answer-key", val: "no number" }, logged: [] });
  assert.equal(thrown(agent, "solve", unsupported("no")).error.tag, "unsupported");
  const mute = new Error("a");
  mute.toString = () => {
    throw new Error("b");
  };
  const circular = Object.assign(new Error("a"), { payload: {} });
  circular.payload.own = circular.payload;
  for (const [error, words] of [
    [new TypeError("x".repeat(9000)), "TypeError: xxx"],
    [new Error("\ud800"), "Error: \ufffd\n    at "],
    [Object.assign(new Error("a"), { payload: { tag: "not-found" } }), 'Error: a {"tag":"not-found"}\n    at '],
    [mute, "object\n    at "],
    [circular, "object\n    at "],
    [Object.create(null), "object"],
    [{ tag: "none-of-the-contract", val: "" }, "[object Object]"],
    [null, "null"],
    [7, "7"],
  ]) {
    const mistake = thrown(grader, "grade", error);
    assert.equal(mistake.error, error);
    const [{ level, message, fields }] = mistake.logged;
    assert.equal(level, "error");
    assert.ok(message.startsWith(words) && message.length <= 3000, message);
    assert.equal(error instanceof Error, /kit\.test\.js:\d+/.test(fields.panic), fields.panic);
  }
  // The contract has no such error for agents.
  const wrong = thrown(agent, "solve", badAnswerKey("no number"));
  assert.ok(wrong.error instanceof Error && wrong.logged[0].message.startsWith("Error: no number\n"));
  assert.equal(thrown(agent, "solve", unsupported("\ud800")).error.val, "\ufffd");
});

test("what a manifest does not ask for cannot be called", () => {
  const host = new Host({ manifest: new URL("../../examples/javascript/agent/plugin.toml", import.meta.url) });
  host.run(() => {
    assert.ok(below(2) < 2);
    assert.throws(readKey, /`answer-key` is not asked for/);
  });
});
