import { write as put } from "lancet:plugin/log@0.1.0";

import { note } from "../shape.js";

export const write = (...given) => put(...note(...given));
