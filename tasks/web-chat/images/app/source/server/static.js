import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { HttpError } from './http.js';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

// `/shared/…` is served from `shared/`, everything else from `public/`.
function locate(pathname) {
  const folder = pathname.startsWith('/shared/') ? root : path.join(root, 'public');
  const file = path.join(folder, pathname === '/' ? 'index.html' : pathname);
  return file.startsWith(folder + path.sep) ? file : null;
}

export function createStatic() {
  return async function serve(request, response, url) {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new HttpError(405, 'Only GET is possible here.');
    }
    const file = locate(decodeURIComponent(url.pathname));
    const type = file && TYPES[path.extname(file)];
    if (!type) throw new HttpError(404, 'There is no such page.');
    let content;
    try {
      content = await readFile(file);
    } catch {
      throw new HttpError(404, 'There is no such page.');
    }
    response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-cache' });
    response.end(request.method === 'HEAD' ? undefined : content);
  };
}
