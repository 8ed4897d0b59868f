import { EventStreams } from './events.js';
import { HttpError } from './http.js';
import * as seed from './seed.js';
import { preview, toHtml, toText } from '../shared/markup.js';

const WORKSPACE_LIMIT = 200;
const TEXT_LIMIT = 10_000;

// All workspaces, by name. The oldest one makes room when there are too many.
export class Workspaces {
  #byName = new Map();

  open(name) {
    let workspace = this.#byName.get(name);
    if (!workspace) {
      workspace = new Workspace(name);
      this.#byName.set(name, workspace);
      if (this.#byName.size > WORKSPACE_LIMIT) {
        this.#byName.delete(this.#byName.keys().next().value);
      }
    }
    return workspace;
  }
}

export class Workspace {
  streams = new EventStreams();
  #people = new Map();
  #chats = new Map();
  #lastMessage = 0;

  constructor(name) {
    this.name = name;
    for (const person of seed.people) this.#people.set(person.id, person);
    for (const chat of seed.chats) this.#addChat(chat);
  }

  get people() {
    return [...this.#people.values()];
  }

  person(id) {
    const person = this.#people.get(id);
    if (!person) throw new HttpError(404, 'There is no such person.');
    return person;
  }

  // The chats of one person, as that person sees them.
  chats(personId) {
    return [...this.#chats.values()]
      .filter((chat) => chat.members.includes(personId))
      .map((chat) => this.#summary(chat, personId));
  }

  messages(personId, chatId) {
    return this.#chat(personId, chatId).messages;
  }

  post(personId, chatId, text) {
    const chat = this.#chat(personId, chatId);
    const message = this.#append(chat, personId, text);
    chat.readSeq.set(personId, message.seq);
    this.#announce(chat, 'message', message);
    return message;
  }

  edit(personId, chatId, messageId, text) {
    const chat = this.#chat(personId, chatId);
    const message = this.#own(chat, personId, messageId);
    message.html = this.#html(chat, text);
    message.editedAt = new Date().toISOString();
    this.#announce(chat, 'message', message);
    return message;
  }

  remove(personId, chatId, messageId) {
    const chat = this.#chat(personId, chatId);
    const message = this.#own(chat, personId, messageId);
    chat.messages.splice(chat.messages.indexOf(message), 1);
    this.#announce(chat, 'removed', message);
  }

  setRead(personId, chatId, seq) {
    const chat = this.#chat(personId, chatId);
    if (!Number.isInteger(seq) || seq < 0) throw new HttpError(400, 'That is no position.');
    chat.readSeq.set(personId, Math.min(seq, chat.lastSeq));
    const summary = this.#summary(chat, personId);
    this.streams.send(personId, { type: 'read', chat: summary });
    return summary;
  }

  // Messages that hold every word of the query, newest first.
  search(personId, query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    const found = [];
    for (const chat of this.#chats.values()) {
      if (!chat.members.includes(personId)) continue;
      for (const message of chat.messages) {
        const text = toText(message.html).toLowerCase();
        if (words.every((word) => text.includes(word))) found.push(message);
      }
    }
    return found.sort((a, b) => b.order - a.order).slice(0, 50);
  }

  #addChat({ id, name = null, kind, members, messages, unread }) {
    const chat = { id, name, kind, members, messages: [], lastSeq: 0, readSeq: new Map() };
    this.#chats.set(id, chat);
    for (const [authorId, text] of messages) this.#append(chat, authorId, text);
    for (const member of members) chat.readSeq.set(member, chat.lastSeq - (unread[member] ?? 0));
  }

  #append(chat, authorId, text) {
    const html = this.#html(chat, text);
    this.#lastMessage += 1;
    chat.lastSeq += 1;
    const message = {
      id: `m${this.#lastMessage}`,
      chatId: chat.id,
      seq: chat.lastSeq,
      order: this.#lastMessage,
      authorId,
      html,
      createdAt: new Date().toISOString(),
      editedAt: null,
    };
    chat.messages.push(message);
    return message;
  }

  #html(chat, text) {
    const typed = typeof text === 'string' ? text.replace(/\r\n?/g, '\n').trim() : '';
    if (!typed) throw new HttpError(400, 'A message needs some text.');
    if (typed.length > TEXT_LIMIT) throw new HttpError(400, 'The message is too long.');
    const names = chat.members.map((id) => this.#people.get(id).name);
    return toHtml(typed, names);
  }

  #chat(personId, chatId) {
    const chat = this.#chats.get(chatId);
    if (!chat?.members.includes(personId)) throw new HttpError(404, 'There is no such chat.');
    return chat;
  }

  #own(chat, personId, messageId) {
    const message = chat.messages.find((candidate) => candidate.id === messageId);
    if (!message) throw new HttpError(404, 'There is no such message.');
    if (message.authorId !== personId) throw new HttpError(403, 'That message is not yours.');
    return message;
  }

  #summary(chat, personId) {
    const readSeq = chat.readSeq.get(personId);
    const last = chat.messages.at(-1);
    const others = chat.members.filter((id) => id !== personId);
    return {
      id: chat.id,
      name: chat.name ?? others.map((id) => this.#people.get(id).name).join(', '),
      kind: chat.kind,
      members: chat.members,
      lastSeq: chat.lastSeq,
      readSeq,
      unread: chat.messages.filter((message) => message.seq > readSeq && message.authorId !== personId).length,
      preview: last ? { authorId: last.authorId, text: preview(last.html) } : null,
    };
  }

  #announce(chat, type, message) {
    for (const member of chat.members) {
      this.streams.send(member, { type, message, chat: this.#summary(chat, member) });
    }
  }
}
