import * as host from "lancet:plugin/settings@0.1.0";

import { sending } from "../shape.js";

export * from "lancet:plugin/settings@0.1.0";

export const value = sending(host.value);

// What was set under a name, as a value; null for what nobody set and has no default.
export function setting(name) {
  const text = value(name);
  return text === null ? null : JSON.parse(text);
}
