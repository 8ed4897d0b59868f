import { h } from '../dom.js';
import { chatLink } from '../router.js';

export function createResults({ store }) {
  const title = h('h1');
  const list = h('ul', { class: 'results', 'aria-label': 'Results' });
  const note = h('p', { class: 'empty' });

  function row(state, message) {
    const chat = store.chat(message.chatId);
    return h(
      'li',
      {},
      h(
        'a',
        { href: chatLink(message.chatId) },
        h('div', { class: 'where' }, `${state.people.get(message.authorId).name} in ${chat.name}`),
        h('div', { class: 'text', html: message.html }),
      ),
    );
  }

  store.subscribe((state) => {
    if (!state.search) return;
    const { query, results } = state.search;
    title.textContent = `Search: ${query}`;
    if (!results) {
      note.textContent = 'Searching…';
      list.replaceChildren();
      return;
    }
    note.textContent = results.length === 0 ? 'Nothing was found.' : '';
    list.replaceChildren(...results.map((message) => row(state, message)));
  });

  return h(
    'section',
    { class: 'pane' },
    h('header', {}, h('a', { class: 'back', href: '#/' }, '‹ Chats'), title),
    note,
    list,
  );
}
