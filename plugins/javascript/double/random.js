// `lancet:plugin/random` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const nextU64 = asks("random", "nextU64");
export const below = asks("random", "below");
