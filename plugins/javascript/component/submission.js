export * from "lancet:plugin/submission@0.1.0";
