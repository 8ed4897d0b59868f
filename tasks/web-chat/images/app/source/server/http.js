const BODY_LIMIT = 64 * 1024;

export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function readJson(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw new HttpError(413, 'The request is too large.');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new HttpError(400, 'The request is not JSON.');
  }
}

export function sendJson(response, status, value, headers = {}) {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(JSON.stringify(value));
}

export function sendError(response, error) {
  const status = error instanceof HttpError ? error.status : 500;
  if (status === 500) console.error(error);
  if (response.headersSent) {
    response.end();
    return;
  }
  sendJson(response, status, { error: status === 500 ? 'Something went wrong.' : error.message });
}

export function cookies(request) {
  const found = new Map();
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [name, ...value] = pair.trim().split('=');
    if (name) found.set(name, value.join('='));
  }
  return found;
}
