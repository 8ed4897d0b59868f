import { Conversation } from "lancet:plugin/model@0.1.0";

import { sending } from "../shape.js";

export * from "lancet:plugin/model@0.1.0";

// It is the host's class, with its methods told well-formed texts.
Conversation.open = sending(Conversation.open);
Conversation.prototype.say = sending(Conversation.prototype.say);
Conversation.prototype.give = sending(Conversation.prototype.give);
