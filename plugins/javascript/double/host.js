// Which host answers, in Node.js: that of the unit test under way, or none.

import { without } from "../absent.js";
import { wellFormed } from "../shape.js";

let current = null;

// A function of the contract that the host of the unit test answers.
export function asks(name, what) {
  return (...parameters) => {
    if (current === null) {
      throw new Error(
        `\`${name}.${what}\` asks the host, and there is none: in a unit test use \`new Host({...}).run(() => ...)\` ` +
          "of `lancet-sdk/testing`",
      );
    }
    return current.answer(name, what, parameters.map(wellFormed));
  };
}

// Has a host answer while a function runs, as a component does: without clock and chance.
export function within(host, work) {
  const before = current;
  current = host;
  try {
    return without(work);
  } finally {
    current = before;
  }
}
