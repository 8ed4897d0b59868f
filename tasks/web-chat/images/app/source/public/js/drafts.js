// What was typed and not sent yet, kept in the browser for each person and chat.
export function createDrafts(storage, workspace, personId) {
  const key = (chatId) => `draft:${workspace}:${personId}:${chatId}`;

  return {
    load(chatId) {
      return storage.getItem(key(chatId)) ?? '';
    },

    save(chatId, text) {
      if (text) {
        storage.setItem(key(chatId), text);
      } else {
        storage.removeItem(key(chatId));
      }
    },

    clear(chatId) {
      storage.removeItem(key(chatId));
    },
  };
}
