export * from "lancet:plugin/shell@0.1.0";
