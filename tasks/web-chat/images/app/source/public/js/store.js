// What the page knows. Views subscribe to it and draw themselves again after a change.
export function createStore() {
  const state = {
    workspace: null,
    me: null,
    people: new Map(),
    chats: [],
    messages: new Map(), // chat id → messages, for the chats that were opened
    activeChatId: null,
    newFrom: null, // position of the first new message in the active chat
    editingId: null,
    search: null, // { query, results } while results are shown
  };
  const listeners = new Set();

  function changed() {
    for (const listener of listeners) listener(state);
  }

  function putMessage(message) {
    const messages = state.messages.get(message.chatId);
    if (!messages) return;
    const index = messages.findIndex((known) => known.id === message.id);
    if (index >= 0) {
      messages[index] = message;
    } else {
      messages.push(message);
      messages.sort((a, b) => a.seq - b.seq);
    }
  }

  return {
    state,

    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    set(values) {
      Object.assign(state, values);
      changed();
    },

    chat(chatId) {
      return state.chats.find((chat) => chat.id === chatId);
    },

    patchChat(chatId, values) {
      Object.assign(this.chat(chatId), values);
      changed();
    },

    setMessages(chatId, messages) {
      state.messages.set(chatId, messages);
      changed();
    },

    addMessage(message) {
      putMessage(message);
      changed();
    },

    // One change, as the server tells it.
    apply({ type, chat, message }) {
      const index = state.chats.findIndex((known) => known.id === chat.id);
      if (index >= 0) state.chats[index] = chat;
      if (type === 'message') putMessage(message);
      if (type === 'removed') {
        const messages = state.messages.get(chat.id) ?? [];
        state.messages.set(chat.id, messages.filter((known) => known.id !== message.id));
      }
      changed();
    },
  };
}
