// `lancet:plugin/input` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const read = asks("input", "read");
