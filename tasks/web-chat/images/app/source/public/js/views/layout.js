import { h } from '../dom.js';
import { createChat } from './chat.js';
import { createResults } from './results.js';
import { createSidebar } from './sidebar.js';

export function createLayout(context) {
  const { store } = context;
  const sidebar = createSidebar(context);
  const chat = createChat(context);
  const results = createResults(context);
  const main = h('main');
  const layout = h('div', { class: 'layout' }, sidebar, main);

  let shown = null;

  function show(element) {
    if (element === shown) return;
    shown = element;
    main.replaceChildren(element ?? h('p', { class: 'empty' }, 'Choose a chat.'));
    layout.classList.toggle('has-main', element !== null);
  }

  function draw(state) {
    if (state.search) {
      show(results);
    } else {
      show(state.activeChatId ? chat : null);
    }
  }

  main.replaceChildren(h('p', { class: 'empty' }, 'Choose a chat.'));
  store.subscribe(draw);
  return layout;
}
