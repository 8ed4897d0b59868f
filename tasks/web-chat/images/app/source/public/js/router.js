// `#/chat/<id>`, `#/search/<query>`, or nothing.
export function currentRoute() {
  const [, page, value] = location.hash.split('/');
  if (page === 'chat' && value) return { page, chatId: value };
  if (page === 'search' && value) return { page, query: decodeURIComponent(value) };
  return { page: 'home' };
}

export const chatLink = (chatId) => `#/chat/${chatId}`;
export const searchLink = (query) => `#/search/${encodeURIComponent(query)}`;

export function onRoute(listener) {
  window.addEventListener('hashchange', () => listener(currentRoute()));
}
