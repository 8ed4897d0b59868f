import { h } from '../dom.js';
import { createMentionMenu } from './mention-menu.js';

export function createComposer({ api, store, drafts }) {
  const { state } = store;
  const input = h('textarea', { rows: 2, placeholder: 'Write a message', 'aria-label': 'Message' });
  const status = h('p', { role: 'status' });
  const alert = h('p', { role: 'alert', hidden: true });
  const sending = new Set(); // chats with a message on its way
  let shownChatId = null;

  function candidates() {
    const chat = store.chat(state.activeChatId);
    return chat.members.filter((id) => id !== state.me.id).map((id) => state.people.get(id));
  }

  function keepDraft() {
    drafts.save(state.activeChatId, input.value);
  }

  const menu = createMentionMenu(input, candidates, keepDraft);

  function showStatus() {
    status.textContent = sending.size > 0 ? 'Sending…' : '';
  }

  function showAlert(text) {
    alert.textContent = text;
    alert.hidden = !text;
  }

  function reset() {
    input.value = '';
    drafts.clear(state.activeChatId);
  }

  async function send() {
    const chatId = state.activeChatId;
    const text = input.value.trim();
    if (!text || sending.has(chatId)) return;
    sending.add(chatId);
    showStatus();
    showAlert('');
    try {
      store.addMessage(await api.post(chatId, text));
      reset();
    } catch {
      showAlert('The message could not be sent. Please try again.');
    } finally {
      sending.delete(chatId);
      showStatus();
    }
  }

  input.addEventListener('input', () => {
    keepDraft();
    menu.update();
  });
  input.addEventListener('click', menu.update);
  input.addEventListener('blur', menu.close);
  input.addEventListener('keydown', (event) => {
    if (event.isComposing || menu.key(event)) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  });

  store.subscribe(() => {
    const chatId = state.activeChatId;
    if (chatId === shownChatId) return;
    shownChatId = chatId;
    menu.close();
    showAlert('');
    input.value = chatId ? drafts.load(chatId) : '';
    if (chatId) queueMicrotask(() => input.focus());
  });

  function submit(event) {
    event.preventDefault();
    send();
  }

  return h(
    'form',
    { class: 'composer', onsubmit: submit },
    menu.element,
    alert,
    h('div', { class: 'row' }, input, h('button', { class: 'primary' }, 'Send')),
    status,
  );
}
