import { h } from '../dom.js';
import { createEditor } from './editor.js';

const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hour12: false });

export function createMessageList(context) {
  const { api, store, reads } = context;
  const list = h('ol', { class: 'messages', 'aria-label': 'Messages' });
  let editor = null; // { messageId, element } of the message that is being edited
  let shownChatId = null;

  function actions(state, message) {
    if (message.authorId !== state.me.id) {
      return [h('button', { type: 'button', onclick: () => reads.markUnread(message) }, 'Mark as unread')];
    }
    return [
      h('button', { type: 'button', onclick: () => store.set({ editingId: message.id }) }, 'Edit'),
      h('button', { type: 'button', onclick: () => api.remove(message.chatId, message.id) }, 'Delete'),
    ];
  }

  function body(state, message) {
    if (message.id !== state.editingId) return h('div', { class: 'text', html: message.html });
    if (editor?.messageId !== message.id) {
      editor = { messageId: message.id, element: createEditor(context, message) };
    }
    return editor.element;
  }

  function row(state, message) {
    return h(
      'li',
      { class: 'message' },
      h('span', { class: 'actions' }, ...actions(state, message)),
      h('span', { class: 'by' }, state.people.get(message.authorId).name),
      h('time', { datetime: message.createdAt }, clock.format(new Date(message.createdAt))),
      message.editedAt && h('span', { class: 'edited' }, '(edited)'),
      body(state, message),
    );
  }

  function draw(state) {
    const messages = state.messages.get(state.activeChatId) ?? [];
    if (!state.editingId) editor = null;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const focused = editor?.element.contains(document.activeElement) ? document.activeElement : null;

    const rows = [];
    for (const message of messages) {
      if (state.newFrom !== null && message.seq === state.newFrom) {
        rows.push(h('li', { class: 'new-line', role: 'separator', 'aria-label': 'New messages' }, 'New'));
      }
      rows.push(row(state, message));
    }
    list.replaceChildren(...rows);

    focused?.focus();
    if (atEnd || shownChatId !== state.activeChatId) list.scrollTop = list.scrollHeight;
    shownChatId = state.activeChatId;
  }

  store.subscribe(draw);
  return list;
}
