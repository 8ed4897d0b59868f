export * from "lancet:plugin/answer-key@0.1.0";
