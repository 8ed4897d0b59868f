// `lancet:plugin/artifacts` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const list = asks("artifacts", "list");
export const read = asks("artifacts", "read");
