// `lancet:plugin/submission` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const answer = asks("submission", "answer");
export const files = asks("submission", "files");
export const read = asks("submission", "read");
export const diff = asks("submission", "diff");
