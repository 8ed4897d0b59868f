import * as host from "lancet:plugin/submission@0.1.0";

import { sending } from "../shape.js";

export * from "lancet:plugin/submission@0.1.0";

// QuickJS reads ids from 2^31 on as negative.
export function answer() {
  const given = host.answer();
  return given.tag === "choice" ? { ...given, val: given.val >>> 0 } : given;
}

export const read = sending(host.read);
