import * as host from "lancet:plugin/workspace@0.1.0";

import { sending, wellFormed } from "../shape.js";

export * from "lancet:plugin/workspace@0.1.0";

export const list = sending(host.list);
export const read = sending(host.read);
export const search = sending(host.search);
export const remove = sending(host.remove);
export const applyPatch = sending(host.applyPatch);
// The contents are bytes, and can be many.
export const write = (path, ...contents) => host.write(wellFormed(path), ...contents);
