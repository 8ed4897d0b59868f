import * as host from "lancet:plugin/shell@0.1.0";

import { sending } from "../shape.js";

export * from "lancet:plugin/shell@0.1.0";

export const run = sending(host.run);
