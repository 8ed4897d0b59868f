export * from "lancet:plugin/model@0.1.0";
