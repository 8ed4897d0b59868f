import { randomBytes } from 'node:crypto';

import { cookies, HttpError, readJson, sendJson } from './http.js';
import { people } from './seed.js';

const SESSION_LIMIT = 1000;

export function createApi(workspaces) {
  const sessions = new Map();

  const sessionOf = (request) => sessions.get(cookies(request).get('session'));

  function session(request) {
    const found = sessionOf(request);
    if (!found) throw new HttpError(401, 'Please sign in.');
    return found;
  }

  async function signIn(request, response) {
    const { workspace: name, person } = await readJson(request);
    if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) {
      throw new HttpError(400, 'A workspace has a name of small letters, digits and dashes.');
    }
    const workspace = workspaces.open(name);
    const me = workspace.person(person);
    const token = randomBytes(16).toString('hex');
    sessions.set(token, { workspace, me });
    if (sessions.size > SESSION_LIMIT) sessions.delete(sessions.keys().next().value);
    sendJson(response, 201, describe({ workspace, me }), {
      'Set-Cookie': `session=${token}; Path=/; HttpOnly; SameSite=Lax`,
    });
  }

  function signOut(request, response) {
    sessions.delete(cookies(request).get('session'));
    sendJson(response, 200, {}, { 'Set-Cookie': 'session=; Path=/; Max-Age=0' });
  }

  function describe({ workspace, me }) {
    return { workspace: workspace.name, me, people: workspace.people };
  }

  // Method, path, handler. A group of the path becomes an argument of the handler.
  const routes = [
    ['GET', /^\/api\/health$/, (request, response) => sendJson(response, 200, { ok: true })],
    ['GET', /^\/api\/people$/, (request, response) => sendJson(response, 200, people)],
    ['POST', /^\/api\/session$/, signIn],
    ['DELETE', /^\/api\/session$/, signOut],
    ['GET', /^\/api\/session$/, (request, response) => {
      const found = sessionOf(request);
      sendJson(response, 200, found ? describe(found) : null);
    }],
    ['GET', /^\/api\/events$/, (request, response) => {
      const { workspace, me } = session(request);
      workspace.streams.open(me.id, request, response);
    }],
    ['GET', /^\/api\/chats$/, (request, response) => {
      const { workspace, me } = session(request);
      sendJson(response, 200, workspace.chats(me.id));
    }],
    ['GET', /^\/api\/chats\/([\w-]+)\/messages$/, (request, response, url, chatId) => {
      const { workspace, me } = session(request);
      sendJson(response, 200, workspace.messages(me.id, chatId));
    }],
    ['POST', /^\/api\/chats\/([\w-]+)\/messages$/, async (request, response, url, chatId) => {
      const { workspace, me } = session(request);
      const { text } = await readJson(request);
      sendJson(response, 201, workspace.post(me.id, chatId, text));
    }],
    ['PATCH', /^\/api\/chats\/([\w-]+)\/messages\/(\w+)$/, async (request, response, url, chatId, messageId) => {
      const { workspace, me } = session(request);
      const { text } = await readJson(request);
      sendJson(response, 200, workspace.edit(me.id, chatId, messageId, text));
    }],
    ['DELETE', /^\/api\/chats\/([\w-]+)\/messages\/(\w+)$/, (request, response, url, chatId, messageId) => {
      const { workspace, me } = session(request);
      workspace.remove(me.id, chatId, messageId);
      sendJson(response, 200, {});
    }],
    ['PUT', /^\/api\/chats\/([\w-]+)\/read$/, async (request, response, url, chatId) => {
      const { workspace, me } = session(request);
      const { seq } = await readJson(request);
      sendJson(response, 200, workspace.setRead(me.id, chatId, seq));
    }],
    ['GET', /^\/api\/search$/, (request, response, url) => {
      const { workspace, me } = session(request);
      sendJson(response, 200, workspace.search(me.id, url.searchParams.get('q') ?? ''));
    }],
  ];

  return async function handle(request, response, url) {
    for (const [method, pattern, handler] of routes) {
      const match = request.method === method && pattern.exec(url.pathname);
      if (match) {
        await handler(request, response, url, ...match.slice(1));
        return;
      }
    }
    throw new HttpError(404, 'There is no such resource.');
  };
}
