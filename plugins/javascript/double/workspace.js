// `lancet:plugin/workspace` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const list = asks("workspace", "list");
export const read = asks("workspace", "read");
export const search = asks("workspace", "search");
export const write = asks("workspace", "write");
export const remove = asks("workspace", "remove");
export const applyPatch = asks("workspace", "applyPatch");
export const applyInput = asks("workspace", "applyInput");
