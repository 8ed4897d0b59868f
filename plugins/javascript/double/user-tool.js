// `lancet:plugin/user-tool` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const reproduce = asks("user-tool", "reproduce");
export const read = asks("user-tool", "read");
