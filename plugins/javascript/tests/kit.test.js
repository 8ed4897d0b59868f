// The kit itself: what the host for unit tests answers, and what becomes of mistakes.
import assert from "node:assert/strict";
import { test } from "node:test";

import { agent, badAnswerKey, failed, grader, passed, unsupported } from "lancet-sdk";
import { read as readKey } from "lancet-sdk/answer-key";
import * as artifacts from "lancet-sdk/artifacts";
import * as budget from "lancet-sdk/budget";
import { read as readInput } from "lancet-sdk/input";
import { write } from "lancet-sdk/log";
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

test("a text that was cut within a character leaves the plugin", () => {
  const host = new Host({ answer: { tag: "choice", val: 1 }, shell: (stdout) => ({ stdout }), answers: [says("one")] });
  const cut = "\u{1f600}".slice(0, 1);
  const checks = [{ name: `a${cut}`, passed: true, detail: `b${cut}` }];
  const whole = { ...failed("no", { explanation: "c\ufffd" }), checks: [{ name: "a\ufffd", passed: true, detail: "b\ufffd" }] };
  const given = failed("no", { checks, explanation: `c${cut}` });
  assert.deepEqual(host.run(() => grader(() => given).grade(task())), whole);
  assert.deepEqual(host.check(given), whole);
  const document = agent(() => ({ tag: "document", val: cut }));
  assert.deepEqual(host.run(() => document.solve(task())), { tag: "document", val: "\ufffd" });
  host.run(() => {
    write("info", cut, [{ key: `k${cut}`, value: cut }, { key: "n", value: 3 }]);
    assert.equal(shell.run(cut, 1).stdout, "\ufffd");
    const talk = Conversation.open({ model: "main", instructions: cut });
    talk.say(cut);
    talk.give([{ call: "1", text: cut, failed: false }]);
    talk.ask();
  });
  assert.deepEqual(host.logged, [{ level: "info", message: "\ufffd", fields: { "k\ufffd": "\ufffd", n: "3" } }]);
  assert.deepEqual(host.asked[0], ["\ufffd", [{ call: "1", text: "\ufffd", failed: false }]]);
});

test("what is returned in another shape is a mistake with words", () => {
  const says = (plugin, words) => {
    const host = new Host();
    const work = plugin.grade ?? plugin.solve;
    assert.throws(() => host.run(() => work(task())), (error) => error instanceof TypeError && words.test(error.message));
    assert.match(host.logged[0].message, words);
    assert.equal(host.logged[0].level, "error");
  };
  const circular = {};
  circular.own = circular;
  for (const [given, words] of [
    [undefined, /^(TypeError: )?the grader returned undefined; expected a verdict/],
    [true, /returned true/],
    ["x".repeat(9000), /returned "x{99}\.\.\.;/],
    [circular, /returned an object/],
    [grader, /returned a function/],
    [Symbol("a"), /returned Symbol\(a\)/],
    [Promise.resolve(failed("no")), /returned a promise; expected .* not `async`/],
    [{ ...failed("no"), outcome: "passed" }, /`outcome` is "passed"; expected "pass", "fail" or "invalid"/],
    [{ ...failed("no"), reason: 3 }, /`reason` is 3; expected a text/],
    [{ ...failed("no"), score: 0.5 }, /`score` is 0\.5; expected a whole number/],
    [{ ...failed("no"), score: -1 }, /`score` is -1/],
    [{ ...failed("no"), checks: undefined }, /`checks` is undefined; expected an array/],
    [failed("no", { checks: [null] }), /check 0 is null/],
    [failed("no", { checks: [{ name: "a", passed: 1, detail: "" }] }), /`passed` of the verdict's check 0 is 1/],
    [failed("no", { checks: [{ name: "a", passed: true }] }), /`detail` of the verdict's check 0 is undefined/],
    [{ ...failed("no"), explanation: null }, /`explanation` is null/],
  ]) {
    says(grader(() => given), words);
  }
  for (const [given, words] of [
    [3, /the agent returned 3; expected an answer, `{ tag: "choice", val: 3 }`/],
    [null, /returned null/],
    [{ tag: "choise", val: 3 }, /returned {"tag":"choise","val":3}/],
    [{ tag: "choice" }, /`val` of the answer `choice` is undefined/],
    [{ tag: "choice", val: "3" }, /`val` of the answer `choice` is "3"/],
    [{ tag: "document", val: {} }, /`val` of the answer `document` is {}/],
  ]) {
    says(agent(() => given), words);
  }
  assert.throws(() => new Host().check(true), /returned true/);
  assert.throws(() => grader(undefined), /expected a function of a task, found undefined/);
  new Host().run(() => {
    assert.throws(() => write("warning", "", []), /`level` .* is "warning"/);
    assert.throws(() => write("warn", "", { a: 1 }), /`fields` .* is {"a":1}/);
  });
});

test("there is no clock and no chance", () => {
  const { random } = Math;
  const whole = Date;
  for (const [work, words] of [
    [() => new Date(), /no clock/],
    [() => Date(), /no clock/],
    [() => Date.now(), /no clock/],
    [() => new (new Date(0).constructor)(), /no clock/],
    [() => performance.now(), /no clock/],
    [() => Math.random(), /`lancet-sdk\/random`/],
  ]) {
    assert.throws(() => new Host().run(work), words);
    assert.throws(() => new Host().run(() => agent(work).solve(task())), words);
  }
  new Host().run(() => {
    assert.equal(new Date(5).toISOString(), "1970-01-01T00:00:00.005Z");
    assert.ok(new Date(5) instanceof Date && new (class extends Date {})(5).getTime() === Date.UTC(1970) + 5);
  });
  assert.ok(Date === whole && Math.random === random && Date.now() > 0 && new Date(0).constructor === Date);
  assert.ok(performance.now() > 0);
});

test("the ids of proposals are what they are, however the engine reads them", () => {
  const given = task({ proposals: [{ id: -1, text: "" }] });
  const solve = (task) => ({ tag: "choice", val: task.proposals[0].id });
  const seen = [];
  const work = agent((task) => seen.push(task.proposals[0].id) && solve(task));
  assert.deepEqual(new Host().run(() => work.solve(given)), { tag: "choice", val: -1 });
  assert.deepEqual(seen, [2 ** 32 - 1]);
});

test("what a manifest does not ask for cannot be called", () => {
  const host = new Host({ manifest: new URL("../../examples/javascript/agent/plugin.toml", import.meta.url) });
  host.run(() => {
    assert.ok(below(2) < 2);
    assert.throws(readKey, /`answer-key` is not asked for/);
  });
});
