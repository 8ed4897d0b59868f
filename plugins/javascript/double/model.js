// `lancet:plugin/model` in Node.js: the host of a unit test answers.
import { asks } from "./host.js";

export const offers = asks("model", "offers");

// Every call of a conversation goes to the one that the host has opened.
export class Conversation {
  static open = asks("model", "open");
}
