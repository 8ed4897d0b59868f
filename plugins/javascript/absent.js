// What a plugin does not have, and what it says instead of a trap or of chance.

const CLOCK = "there is no clock in a grader or an agent: `Date` takes a time that it is given";
const CHANCE =
  "there is no `Math.random` in a grader or an agent: an agent asks for `random` and imports `lancet-sdk/random`, " +
  "and a grader has no use for chance";

const told = (words) => () => {
  throw new Error(words);
};

// What a function gives that has neither clock nor chance while it runs. Before and after, which
// is when a package is built or a unit test goes on, they are what they were.
export function without(work) {
  const date = timeless(Date);
  const back = [
    put(Math, "random", told(CHANCE)),
    put(Date, "now", told(CLOCK)),
    put(Date.prototype, "constructor", date),
    put(globalThis, "Date", date),
    put(globalThis, "performance", { now: told(CLOCK) }),
  ];
  try {
    return work();
  } finally {
    for (const restore of back.reverse()) restore();
  }
}

// A `Date` that is told the time.
function timeless(whole) {
  return new Proxy(whole, {
    apply: told(CLOCK),
    construct: (target, given, made) => (given.length === 0 ? told(CLOCK)() : Reflect.construct(target, given, made)),
  });
}

// Puts something in the place of a property, and gives what puts it back.
function put(owner, name, value) {
  const before = Reflect.getOwnPropertyDescriptor(owner, name);
  Reflect.defineProperty(owner, name, { value, writable: true, enumerable: false, configurable: true });
  return () => (before ? Reflect.defineProperty(owner, name, before) : Reflect.deleteProperty(owner, name));
}
