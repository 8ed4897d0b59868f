// `lancet:plugin/budget` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const allowances = asks("budget", "allowances");
export const left = asks("budget", "left");
