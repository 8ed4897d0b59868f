export * from "lancet:plugin/input@0.1.0";
