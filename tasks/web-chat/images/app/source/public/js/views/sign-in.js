import { h } from '../dom.js';

export function createSignIn(api, people, onSignedIn) {
  const workspace = h('input', { name: 'workspace', value: 'demo', required: true, pattern: '[a-z0-9][a-z0-9\\-]*', maxlength: 40 });
  const person = h('select', { name: 'person' }, ...people.map(({ id, name }) => h('option', { value: id }, name)));
  const alert = h('p', { role: 'alert' });

  async function signIn(event) {
    event.preventDefault();
    alert.textContent = '';
    try {
      await onSignedIn(await api.signIn(workspace.value, person.value));
    } catch (error) {
      alert.textContent = error.message;
    }
  }

  return h(
    'form',
    { class: 'sign-in', onsubmit: signIn },
    h('h1', {}, 'web-chat'),
    h('label', {}, 'Workspace', workspace),
    h('label', {}, 'Person', person),
    h('button', { class: 'primary' }, 'Sign in'),
    alert,
  );
}
