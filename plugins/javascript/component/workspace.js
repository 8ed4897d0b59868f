export * from "lancet:plugin/workspace@0.1.0";
