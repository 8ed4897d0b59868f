export * from "lancet:plugin/artifacts@0.1.0";
