// Has a plugin say what it fails of before it does: an exception that nobody caught is `unreachable` to the host. The last
// call of such a plugin is a line of the log of the level `error` with the field `panic`, which the host takes into its
// explanation.
import { write } from "lancet:plugin/log@0.1.0";

const MOST_CHARACTERS = 3000;

// What the contract has for errors: `throw { tag: "other", val: "…" }`.
const isOfContract = (thrown) =>
  typeof thrown === "object" && thrown !== null && !(thrown instanceof Error) && typeof thrown.tag === "string";

function named(thrown) {
  try {
    return `${thrown}`;
  } catch {
    // Its own `toString` fails.
    return typeof thrown;
  }
}

// Writes what was thrown to the log, with where.
function tell(thrown) {
  try {
    const stack = thrown instanceof Error && typeof thrown.stack === "string" ? `\n${thrown.stack}` : "";
    const text = `${named(thrown)}${stack}`.slice(0, MOST_CHARACTERS).toWellFormed();
    write("error", text, [{ key: "panic", value: thrown instanceof Error ? thrown.name : typeof thrown }]);
  } catch {
    // There is no memory left: then it fails without words.
  }
}

// Wraps what a plugin exports, `grade` or `solve`.
export const guarded =
  (call) =>
  (...given) => {
    try {
      return call(...given);
    } catch (thrown) {
      if (!isOfContract(thrown)) tell(thrown);
      throw thrown;
    }
  };
