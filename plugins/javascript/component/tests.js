export * from "lancet:plugin/tests@0.1.0";
