export * from "lancet:plugin/log@0.1.0";
