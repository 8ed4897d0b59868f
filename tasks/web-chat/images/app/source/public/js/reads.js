// Keeps the server informed of how far the reader has got in each chat.
export function createReads(api, store) {
  // Several things happen when a chat is opened, and each position is reported once.
  const reported = new Map();

  function firstUnread(chat) {
    if (chat.unread === 0) return null;
    return chat.readSeq + 1;
  }

  return {
    firstUnread,

    async markRead(chatId) {
      const chat = store.chat(chatId);
      const known = Math.max(chat.readSeq, reported.get(chatId) ?? 0);
      if (known >= chat.lastSeq) return;
      reported.set(chatId, chat.lastSeq);
      store.patchChat(chatId, { readSeq: chat.lastSeq, unread: 0 });
      await api.setRead(chatId, chat.lastSeq);
    },

    // The message and everything after it become unread, as long as the chat is not opened again.
    async markUnread(message) {
      store.set({ newFrom: message.seq });
      const chat = await api.setRead(message.chatId, message.seq - 1);
      store.patchChat(chat.id, chat);
    },
  };
}
