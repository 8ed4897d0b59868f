// The shapes that the contract wants. Another one, or a text that is no UTF-8 because it was cut
// within a character, cannot leave a plugin, which would end without a word.

const VERDICT = 'a verdict as `passed("right-choice")` and `failed("wrong-choice")` give it';
const ANSWER =
  'an answer, `{ tag: "choice", val: 3 }`, `{ tag: "document", val: "..." }`, `{ tag: "work-tree" }` or `{ tag: "nothing" }`';
const OUTCOMES = ["pass", "fail", "invalid"];
const LEVELS = ["debug", "info", "warn", "error"];
const MAX_SHOWN = 100;

const isText = (given) => typeof given === "string";
const isObject = (given) => typeof given === "object" && given !== null;
const isWhole = (most) => (given) => Number.isInteger(given) && given >= 0 && given <= most;

// A value with every text in it well-formed: what is no character becomes U+FFFD.
export function wellFormed(given) {
  if (isText(given)) return given.toWellFormed();
  if (Array.isArray(given)) return given.map(wellFormed);
  if (!isObject(given) || ![Object.prototype, null].includes(Object.getPrototypeOf(given))) return given;
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, wellFormed(value)]));
}

// A function of the host's that is told well-formed texts.
export function sending(call) {
  return function (...given) {
    return call.apply(this, given.map(wellFormed));
  };
}

// What a grader returned, as a verdict.
export function verdict(given) {
  if (!isObject(given) || !("outcome" in given)) throw returned("grader", given, VERDICT);
  const { outcome, reason, score, checks, explanation } = given;
  expect("the verdict's `outcome`", outcome, OUTCOMES.includes(outcome), '"pass", "fail" or "invalid"');
  expect("the verdict's `reason`", reason, isText(reason), "a text");
  expect("the verdict's `score`", score, isWhole(0xffff)(score), "a whole number from 0 to 1000");
  expect("the verdict's `checks`", checks, Array.isArray(checks), "an array of `{ name, passed, detail }`");
  expect("the verdict's `explanation`", explanation, isText(explanation), "a text");
  const looked = checks.map((check, at) => {
    expect(`the verdict's check ${at}`, check, isObject(check), "`{ name, passed, detail }`");
    const { name, passed, detail } = check;
    expect(`\`name\` of the verdict's check ${at}`, name, isText(name), "a text");
    expect(`\`passed\` of the verdict's check ${at}`, passed, typeof passed === "boolean", "true or false");
    expect(`\`detail\` of the verdict's check ${at}`, detail, isText(detail), "a text");
    return { name, passed, detail };
  });
  return wellFormed({ outcome, reason, score, checks: looked, explanation });
}

// What an agent returned, as an answer to a task. It names a proposal by the id that the engine
// read, which in QuickJS is negative from 2^31 on.
export function answer(given, { proposals }) {
  switch (given?.tag) {
    case "choice": {
      const { val } = given;
      expect("`val` of the answer `choice`", val, isWhole(0xffffffff)(val), "the id of a proposal");
      const chosen = proposals.find(({ id }) => id >>> 0 === val);
      return { tag: "choice", val: chosen?.id ?? val };
    }
    case "document":
      expect("`val` of the answer `document`", given.val, isText(given.val), "a text");
      return { tag: "document", val: given.val.toWellFormed() };
    case "work-tree":
    case "nothing":
      return { tag: given.tag };
    default:
      throw returned("agent", given, ANSWER);
  }
}

// What `log.write` is told: values that are no texts are written as texts.
export function note(level, message, fields) {
  expect("the `level` that `log.write` is told", level, LEVELS.includes(level), '"debug", "info", "warn" or "error"');
  expect("the `fields` that `log.write` is told", fields, Array.isArray(fields), "an array of `{ key, value }`");
  const text = (value) => `${value}`.toWellFormed();
  return [level, text(message), fields.map(({ key, value }) => ({ key: text(key), value: text(value) }))];
}

function expect(what, given, holds, expected) {
  if (!holds) throw new TypeError(`${what} is ${shown(given)}; expected ${expected}`);
}

function returned(who, given, expected) {
  const hint = typeof given?.then === "function" ? ", and a function that is not `async`" : "";
  return new TypeError(`the ${who} returned ${shown(given)}; expected ${expected}${hint}`);
}

// A value for a person.
function shown(given) {
  if (typeof given === "function") return "a function";
  if (typeof given?.then === "function") return "a promise";
  let text;
  try {
    text = isText(given) || isObject(given) ? JSON.stringify(given) : String(given);
  } catch {
    // It holds itself, or what JSON has not.
    text = Array.isArray(given) ? "an array" : "an object";
  }
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
}
