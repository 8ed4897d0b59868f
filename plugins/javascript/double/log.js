// `lancet:plugin/log` in Node.js: the host of a unit test answers.
import { note } from "../shape.js";
import { asks } from "./host.js";

const put = asks("log", "write");

export const write = (...given) => put(...note(...given));
