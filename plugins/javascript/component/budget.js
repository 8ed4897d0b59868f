export * from "lancet:plugin/budget@0.1.0";
