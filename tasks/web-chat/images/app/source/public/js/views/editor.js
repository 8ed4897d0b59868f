import { h } from '../dom.js';
import { toText } from '/shared/markup.js';

// The box in which a message of one's own is edited.
export function createEditor({ api, store }, message) {
  const before = toText(message.html);
  const input = h('textarea', { rows: 2, 'aria-label': 'Edit message' });
  const alert = h('p', { role: 'alert' });
  input.value = before;

  function close() {
    store.set({ editingId: null });
  }

  async function save() {
    const text = input.value.trim();
    if (!text || text === before) {
      close();
      return;
    }
    try {
      store.addMessage(await api.edit(message.chatId, message.id, text));
      close();
    } catch (error) {
      alert.textContent = error.message;
    }
  }

  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'Escape') {
      event.preventDefault();
      close();
    } else if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      save();
    }
  });

  queueMicrotask(() => input.focus());
  return h(
    'div',
    { class: 'editor' },
    input,
    h(
      'div',
      { class: 'buttons' },
      h('button', { type: 'button', class: 'primary', onclick: save }, 'Save'),
      h('button', { type: 'button', onclick: close }, 'Cancel'),
    ),
    alert,
  );
}
