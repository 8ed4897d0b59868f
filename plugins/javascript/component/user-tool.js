export * from "lancet:plugin/user-tool@0.1.0";
