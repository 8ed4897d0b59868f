// `lancet:plugin/shell` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const run = asks("shell", "run");
