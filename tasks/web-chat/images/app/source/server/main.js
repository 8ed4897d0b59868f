import http from 'node:http';

import { createApi } from './api.js';
import { sendError } from './http.js';
import { createStatic } from './static.js';
import { Workspaces } from './workspaces.js';

const host = process.env.HOST ?? '0.0.0.0';
const port = Number(process.env.PORT ?? 8080);

const api = createApi(new Workspaces());
const files = createStatic();

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  try {
    if (url.pathname.startsWith('/api/')) {
      await api(request, response, url);
    } else {
      await files(request, response, url);
    }
  } catch (error) {
    sendError(response, error);
  }
});

server.listen(port, host, () => {
  console.log(`web-chat listens on ${host}:${port}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => process.exit(0));
}
