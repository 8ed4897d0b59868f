// `lancet:plugin/tests` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const plans = asks("tests", "plans");
export const run = asks("tests", "run");
