import { h } from '../dom.js';
import { chatLink, searchLink } from '../router.js';

function previewLine({ me, people }, { preview }) {
  if (!preview) return '';
  const author = preview.authorId === me.id ? 'You' : people.get(preview.authorId).name.split(' ')[0];
  return `${author}: ${preview.text}`;
}

function chatRow(state, chat) {
  const unread = chat.unread > 0;
  return h(
    'li',
    { class: unread ? 'is-unread' : null },
    h(
      'a',
      { href: chatLink(chat.id), 'aria-current': chat.id === state.activeChatId ? 'page' : null },
      h('span', { class: 'name' }, chat.name),
      unread && h('span', { class: 'badge', 'aria-label': `${chat.unread} unread` }, String(chat.unread)),
      h('span', { class: 'preview' }, previewLine(state, chat)),
    ),
  );
}

export function createSidebar({ api, store }) {
  const title = h('strong');
  const list = h('ul', { class: 'chats' });
  const search = h('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search messages' });

  function submit(event) {
    event.preventDefault();
    const query = search.value.trim();
    if (query) location.hash = searchLink(query);
  }

  async function signOut() {
    await api.signOut();
    location.hash = '';
    location.reload();
  }

  function draw(state) {
    title.textContent = state.me.name;
    list.replaceChildren(...state.chats.map((chat) => chatRow(state, chat)));
  }

  store.subscribe(draw);
  draw(store.state);
  return h(
    'div',
    { class: 'sidebar' },
    h('header', {}, title, h('button', { type: 'button', onclick: signOut }, 'Sign out')),
    h('form', { role: 'search', onsubmit: submit }, search),
    h('nav', { 'aria-label': 'Chats' }, list),
  );
}
