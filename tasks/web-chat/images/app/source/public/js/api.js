export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const value = await response.json();
  if (!response.ok) throw new ApiError(response.status, value.error);
  return value;
}

export const api = {
  session: () => call('GET', '/api/session'),
  people: () => call('GET', '/api/people'),
  signIn: (workspace, person) => call('POST', '/api/session', { workspace, person }),
  signOut: () => call('DELETE', '/api/session'),

  chats: () => call('GET', '/api/chats'),
  messages: (chatId) => call('GET', `/api/chats/${chatId}/messages`),
  post: (chatId, text) => call('POST', `/api/chats/${chatId}/messages`, { text }),
  edit: (chatId, messageId, text) => call('PATCH', `/api/chats/${chatId}/messages/${messageId}`, { text }),
  remove: (chatId, messageId) => call('DELETE', `/api/chats/${chatId}/messages/${messageId}`),
  setRead: (chatId, seq) => call('PUT', `/api/chats/${chatId}/read`, { seq }),
  search: (query) => call('GET', `/api/search?q=${encodeURIComponent(query)}`),

  // Resolves when the stream is open: nothing that happens after that is missed.
  events(onEvent, onReconnect) {
    const source = new EventSource('/api/events');
    source.onmessage = (event) => onEvent(JSON.parse(event.data));
    return new Promise((resolve) => {
      source.onopen = () => {
        source.onopen = onReconnect;
        resolve();
      };
    });
  },
};
