// `lancet:plugin/settings` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const value = asks("settings", "value");
export const prompt = asks("settings", "prompt");

// What was set under a name, as a value; null for what nobody set and has no default.
export function setting(name) {
  const text = value(name);
  return text === null ? null : JSON.parse(text);
}
