export * from "lancet:plugin/random@0.1.0";
