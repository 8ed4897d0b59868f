import { api } from './api.js';
import { createDrafts } from './drafts.js';
import { createReads } from './reads.js';
import { currentRoute, onRoute } from './router.js';
import { createStore } from './store.js';
import { createLayout } from './views/layout.js';
import { createSignIn } from './views/sign-in.js';

const root = document.getElementById('app');

async function openChat({ store, reads }, chatId) {
  const chat = store.chat(chatId);
  if (!chat) return;
  store.set({ activeChatId: chatId, newFrom: reads.firstUnread(chat), editingId: null, search: null });
  if (!store.state.messages.has(chatId)) {
    const messages = await api.messages(chatId);
    store.setMessages(chatId, messages);
  }
  if (store.state.activeChatId === chatId) await reads.markRead(chatId);
}

async function openSearch({ store }, query) {
  store.set({ activeChatId: null, newFrom: null, editingId: null, search: { query, results: null } });
  const results = await api.search(query);
  if (store.state.search?.query === query) store.set({ search: { query, results } });
}

async function follow(context, route) {
  if (route.page === 'chat') {
    await openChat(context, route.chatId);
  } else if (route.page === 'search') {
    await openSearch(context, route.query);
  } else {
    context.store.set({ activeChatId: null, newFrom: null, editingId: null, search: null });
  }
}

async function refresh({ store }) {
  store.set({ chats: await api.chats(), messages: new Map() });
  const chatId = store.state.activeChatId;
  if (chatId) store.setMessages(chatId, await api.messages(chatId));
}

async function start(session) {
  const store = createStore();
  const drafts = createDrafts(localStorage, session.workspace, session.me.id);
  const reads = createReads(api, store);
  const context = { api, store, drafts, reads };

  await api.events(
    (event) => {
      store.apply(event);
      if (event.type === 'message' && event.chat.id === store.state.activeChatId) reads.markRead(event.chat.id);
    },
    () => refresh(context),
  );
  store.set({
    workspace: session.workspace,
    me: session.me,
    people: new Map(session.people.map((person) => [person.id, person])),
    chats: await api.chats(),
  });
  root.replaceChildren(createLayout(context));
  onRoute((route) => follow(context, route));
  await follow(context, currentRoute());
}

async function main() {
  const session = await api.session(); // null when nobody is signed in
  if (session) {
    await start(session);
  } else {
    root.replaceChildren(createSignIn(api, await api.people(), start));
  }
}

main();
