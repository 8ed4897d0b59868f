// `lancet:plugin/log` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const write = asks("log", "write");
