// A host for unit tests in Node.js, without WebAssembly.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { within } from "./double/host.js";
import { verdict as shaped, wellFormed } from "./shape.js";

const MAX_READ = 1 << 20;
const MAX_TEXT = 4 << 10;

// A task. Proposals that are texts are numbered from 0.
export function task({
  id = "one",
  kind = "swe-manager",
  title = "One",
  statement = "It is broken.",
  price = 100_000,
  proposals = [],
} = {}) {
  const numbered = proposals.map((given, id) => (typeof given === "string" ? { id, text: given } : given));
  return { id, kind, title, statement, price, proposals: numbered };
}

// The report of a plan that was run once: a pass if no test case failed.
export function report(plan, { passed = [], failed = [] } = {}) {
  const cases = [
    ...passed.map((id) => ({ id, status: "passed", detail: "" })),
    ...failed.map((id) => ({ id, status: "failed", detail: "" })),
  ].sort((a, b) => (a.id < b.id ? -1 : 1));
  const conclusion =
    failed.length === 0
      ? { outcome: "pass", reason: "tests-passed", detail: "" }
      : { outcome: "fail", reason: "tests-failed", detail: "" };
  const end = { tag: "exited", val: failed.length === 0 ? 0 : 1 };
  return { plan, runs: [{ end, status: null, report: { tag: "read" }, cases, artifacts: [], conclusion }] };
}

// An answer of a model: a text, and calls of tools.
export function says(text = "", ...calls) {
  const parts = text === "" ? [] : [{ tag: "text", val: text }];
  parts.push(...calls.map((val) => ({ tag: "call", val })));
  const usage = { input: null, inputCached: null, inputCacheWritten: null, output: null, outputReasoning: null };
  return { parts, stop: calls.length > 0 ? "calls" : "finished", stopDetail: "", usage, cost: null };
}

// What stands behind a plugin's calls in a unit test.
export class Host {
  constructor({
    answer = { tag: "nothing" },
    answerKey = "",
    files = {},
    deleted = [],
    diff = "",
    reports = [],
    plans,
    artifacts = {},
    input = null,
    workspace = null,
    shell = null,
    saw = null,
    settings = {},
    prompt = null,
    allowances = [],
    answers = [],
    seed = 0,
    manifest = null,
  } = {}) {
    this.given = { answer, answerKey, input, shell, settings, prompt, allowances };
    this.files = bytes(files);
    this.deleted = deleted;
    this.diff = asBytes(diff);
    this.reports = new Map(reports.map((made) => [made.plan, made]));
    this.plans = plans ?? reports.map(plan);
    this.artifacts = bytes(artifacts);
    this.workspace = workspace === null ? null : bytes(workspace);
    this.saw = saw === null ? null : bytes(saw);
    this.answers = [...answers];
    this.hasModel = answers.length > 0;
    this.logged = [];
    this.asked = [];
    this.ran = [];
    this.seed = seed >>> 0;
    this.asks = manifest === null ? null : asksOf(readFileSync(manifest, "utf8"));
  }

  // What a function gives that may ask this host.
  run(work) {
    return within(this, work);
  }

  // The verdict as a run has it, if it takes it; an error says why it would be refused. Not looked
  // at is whether the reason is one that only the host gives, such as `disk-full`.
  check(given) {
    const verdict = shaped(given);
    const passes = verdict.outcome === "pass";
    const names = verdict.checks.map(({ name }) => name);
    const details = verdict.checks.map(({ detail }) => detail);
    const texts = [verdict.explanation, ...names, ...details];
    const seen = this.ran.flatMap((plan) => this.reports.get(plan)?.runs ?? []);
    const testsPassed = seen.some(({ conclusion }) => conclusion.outcome === "pass");
    const length = (text) => Buffer.byteLength(text);
    const rules = [
      [["pass", "fail", "invalid"].includes(verdict.outcome), `the outcome \`${verdict.outcome}\``],
      [Number.isInteger(verdict.score) && verdict.score >= 0 && verdict.score <= 1000, `a score of ${verdict.score}`],
      [!passes || verdict.score > 0, "a pass without a score"],
      [!passes || this.given.answer.tag !== "nothing", "a pass without a submission"],
      [
        !passes || this.given.answer.tag !== "work-tree" || testsPassed,
        "a pass of a work tree without a test run that passed",
      ],
      [verdict.outcome !== "invalid" || verdict.score === 0, "an invalid verdict with a score"],
      [
        verdict.reason.length <= 64 && /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(verdict.reason),
        `the reason \`${verdict.reason}\`, expected lower-case words joined by \`-\``,
      ],
      [new Set(names).size === names.length, "two checks of one name"],
      [names.length <= 256, "more than 256 checks"],
      [names.every((name) => name !== "" && length(name) <= 128), "a check's name of none or more than 128 bytes"],
      [length(verdict.explanation) <= MAX_TEXT, "an explanation of more than 4 KiB"],
      [details.every((detail) => length(detail) <= MAX_TEXT), "a check's detail of more than 4 KiB"],
      [texts.reduce((sum, text) => sum + length(text), 0) <= 64 << 10, "more than 64 KiB"],
    ];
    for (const [holds, problem] of rules) {
      if (!holds) throw new Error(`the host refuses this verdict: ${problem}`);
    }
    return verdict;
  }

  // Answers a call; what the contract calls an error is thrown as a component has it thrown.
  answer(name, what, parameters) {
    if (this.asks !== null && !this.asks.has(name)) {
      throw new Error(`\`${name}\` is not asked for in plugin.toml`);
    }
    return INTERFACES[name][what](this, ...parameters);
  }
}

const INTERFACES = {
  "answer-key": { read: (host) => host.given.answerKey },
  artifacts: {
    list: (host) => entries(host.artifacts),
    read: (host, name, offset, length) => part(host.artifacts, name, offset, length),
  },
  budget: {
    allowances: (host) => host.given.allowances,
    left: (host, unit) => {
      const found = host.given.allowances.filter((allowance) => allowance.unit === unit);
      return found.length === 0 ? null : Math.min(...found.map(({ limit, used }) => Math.max(0, limit - used)));
    },
  },
  input: { read: (host) => host.given.input },
  log: {
    write: (host, level, message, fields) => {
      host.logged.push({ level, message, fields: Object.fromEntries(fields.map(({ key, value }) => [key, value])) });
    },
  },
  model: {
    offers: (host) =>
      host.hasModel ? [{ name: "main", id: "scripted", contextTokens: null, answerTokens: null, tools: true }] : [],
    open: (host) => {
      if (!host.hasModel) fail("refused", "the operator chose no model");
      return new Conversation(host, []);
    },
  },
  random: {
    nextU64: (host) => dice(host) * 2 ** 32 + dice(host),
    below: (host, bound) => Math.floor((dice(host) / 2 ** 32) * bound),
  },
  settings: {
    value: (host, name) => (Object.hasOwn(host.given.settings, name) ? JSON.stringify(host.given.settings[name]) : null),
    prompt: (host) => host.given.prompt,
  },
  shell: {
    run: (host, command) => {
      if (host.given.shell === null) fail("unavailable", "the task has no environment");
      host.ran.push(command);
      return host.given.shell(command);
    },
  },
  submission: {
    answer: (host) => host.given.answer,
    files: (host) =>
      [
        ...[...host.files].map(([path, data]) => ({
          path,
          change: {
            tag: "written",
            val: { sha256: createHash("sha256").update(data).digest("hex"), bytes: data.length, executable: false },
          },
        })),
        ...host.deleted.map((path) => ({ path, change: { tag: "deleted" } })),
      ].sort((a, b) => (a.path < b.path ? -1 : 1)),
    read: (host, path, offset, length) => part(host.files, path, offset, length),
    diff: (host, offset, length) => host.diff.slice(offset, offset + Math.min(length, MAX_READ)),
  },
  tests: {
    plans: (host) => host.plans,
    run: (host, plan) => {
      if (host.plans.length === 0) fail("unavailable", "the task has no environment");
      if (!host.reports.has(plan)) fail("not-found", `there is no plan \`${plan}\``);
      if (host.ran.includes(plan)) fail("refused", `the plan \`${plan}\` has been run already`);
      host.ran.push(plan);
      return host.reports.get(plan);
    },
  },
  "user-tool": {
    reproduce: (host) => {
      if (host.saw === null) fail("unavailable", "the task has no user");
      return { completed: true, artifacts: entries(host.saw) };
    },
    read: (host, name, offset, length) => part(host.saw ?? new Map(), name, offset, length),
  },
  workspace: {
    list: (host, path) =>
      sorted(tree(host))
        .filter(([name]) => isBelow(name, path))
        .map(([path, data]) => ({ path, bytes: data.length })),
    read: (host, path, offset, length) => part(tree(host), path, offset, length),
    search: (host, pattern, path) =>
      sorted(tree(host))
        .filter(([name]) => isBelow(name, path))
        .flatMap(([name, data]) =>
          new TextDecoder()
            .decode(data)
            .split("\n")
            .map((text, at) => ({ path: name, line: at + 1, text }))
            .filter(({ text }) => new RegExp(pattern).test(text)),
        ),
    write: (host, path, contents) => {
      if (contents.length > MAX_READ) fail("too-large", "more than 1 MiB");
      tree(host).set(path, asBytes(contents));
    },
    remove: (host, path) => {
      if (!tree(host).delete(path)) fail("not-found", path);
    },
    applyPatch: (host) => {
      tree(host);
      throw new Error("this host applies no patches: test what is done with the work tree afterwards");
    },
    applyInput: (host) => {
      if (host.given.input === null) return false;
      return INTERFACES.workspace.applyPatch(host);
    },
  },
};

// A conversation whose answers the test has written.
class Conversation {
  #host;
  #entries;

  constructor(host, entries) {
    this.#host = host;
    this.#entries = entries;
  }

  say(text) {
    this.#entries.push(wellFormed(text));
  }

  give(results) {
    this.#entries.push(wellFormed(results));
  }

  ask() {
    this.#host.asked.push([...this.#entries]);
    if (this.#host.answers.length === 0) fail("over-budget", "the test has written no more answers");
    const answer = this.#host.answers.shift();
    this.#entries.push(answer);
    return answer;
  }

  length() {
    return this.#entries.length;
  }

  tokens() {
    return Math.ceil(JSON.stringify(this.#entries).length / 4);
  }

  without(first, end) {
    return new Conversation(this.#host, [...this.#entries.slice(0, first), ...this.#entries.slice(end)]);
  }
}

function fail(tag, val) {
  throw Object.assign(new Error(val), { payload: { tag, val } });
}

const asBytes = (given) => (typeof given === "string" ? new TextEncoder().encode(given) : Uint8Array.from(given));
const bytes = (files) => new Map(Object.entries(files).map(([name, given]) => [name, asBytes(given)]));
const sorted = (files) => [...files].sort(([a], [b]) => (a < b ? -1 : 1));
const entries = (files) => sorted(files).map(([name, data]) => ({ name, kind: "other", bytes: data.length }));
const isBelow = (name, folder) => folder === "" || name.startsWith(`${folder}/`);

function part(files, name, offset, length) {
  if (!files.has(name)) fail("not-found", name);
  return files.get(name).slice(offset, offset + Math.min(length, MAX_READ));
}

function tree(host) {
  if (host.workspace === null) fail("unavailable", "the task has no environment");
  return host.workspace;
}

function plan(made) {
  const required = [...new Set(made.runs.flatMap((run) => run.cases.map(({ id }) => id)))].sort();
  return { name: made.plan, required, sentinels: [], passExit: 0, mostRuns: 1 };
}

// The next 32 bits of the host's random numbers, which are others than a run's (mulberry32).
function dice(host) {
  host.seed = (host.seed + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(host.seed ^ (host.seed >>> 15), host.seed | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}

// The names in the table `[asks]` of a plugin.toml.
function asksOf(text) {
  const names = new Set();
  let isInside = false;
  for (const line of text.split("\n")) {
    const table = /^\s*\[+\s*([^\]]*?)\s*\]/.exec(line);
    if (table) isInside = table[1] === "asks";
    const key = /^\s*"?([a-z-]+)"?\s*=/.exec(line);
    if (isInside && key) names.add(key[1]);
  }
  return names;
}
