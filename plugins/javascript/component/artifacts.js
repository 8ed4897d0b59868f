import * as host from "lancet:plugin/artifacts@0.1.0";

import { sending } from "../shape.js";

export * from "lancet:plugin/artifacts@0.1.0";

export const read = sending(host.read);
