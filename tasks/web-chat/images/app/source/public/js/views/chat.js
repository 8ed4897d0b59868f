import { h } from '../dom.js';
import { createComposer } from './composer.js';
import { createMessageList } from './message-list.js';

export function createChat(context) {
  const { store } = context;
  const title = h('h1');
  const members = h('span', { class: 'empty' });
  const list = createMessageList(context);
  const composer = createComposer(context);

  store.subscribe((state) => {
    const chat = store.chat(state.activeChatId);
    if (!chat) return;
    title.textContent = chat.name;
    members.textContent = chat.kind === 'group' ? `${chat.members.length} members` : '';
  });

  return h(
    'section',
    { class: 'pane' },
    h('header', {}, h('a', { class: 'back', href: '#/' }, '‹ Chats'), title, members),
    list,
    composer,
  );
}
