'use strict';

// Answers calls of the library over HTTP, each in a process of its own: whatever the submitted code does there (throws,
// hangs, exits, prints, changes globals), the caller gets one bounded JSON reply, and the next call starts afresh.
//
//   POST /run    {"steps": [...], "globals": {...}}    see call.js
//   GET  /ready  204 when calls are accepted; loads nothing of the library

const http = require('node:http');
const {spawn} = require('node:child_process');
const path = require('node:path');

const PORT = 8080;
const WORK_TREE = '/srv/expensify-common';
const CALL = path.join(__dirname, 'call.js');
const CALL_MILLISECONDS = 8000;
const REQUEST_BYTES = 4 * 1024 * 1024;
const REPLY_BYTES = 8 * 1024 * 1024;
const CALLS_AT_ONCE = 2;
const CALLS_WAITING = 16;

const waiting = [];
let running = 0;

/** Ends the call's whole process group; it may be gone already. */
function end(child) {
    try {
        process.kill(-child.pid, 'SIGKILL');
    } catch {
        child.kill('SIGKILL');
    }
}

/** Runs one call; resolves to the reply's bytes. */
function call(request) {
    return new Promise((resolve) => {
        const child = spawn(process.execPath, ['--max-old-space-size=192', CALL, WORK_TREE], {
            cwd: WORK_TREE,
            detached: true,
            env: {PATH: process.env.PATH, HOME: '/tmp', TZ: 'UTC', LANG: 'C.UTF-8'},
            stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
        });
        const chunks = [];
        let size = 0;
        let settled = false;

        function settle(kind, message) {
            if (settled) {
                return;
            }
            settled = true;
            clearTimeout(timer);
            end(child);
            resolve(kind ? failure(kind, message) : Buffer.concat(chunks));
        }

        const timer = setTimeout(() => settle('timeout', `no reply within ${CALL_MILLISECONDS} ms`), CALL_MILLISECONDS);
        child.on('error', (error) => settle('spawn', error.message));
        child.stdio[3].on('error', () => settle('reply', 'the reply could not be read'));
        child.stdio[3].on('data', (chunk) => {
            size += chunk.length;
            if (size > REPLY_BYTES) {
                settle('reply', `the reply is longer than ${REPLY_BYTES} bytes`);
                return;
            }
            chunks.push(chunk);
        });
        child.stdio[3].on('end', () => {
            try {
                JSON.parse(Buffer.concat(chunks).toString('utf8'));
            } catch {
                settle('exit', 'the process ended without a reply');
                return;
            }
            settle();
        });
        // A process that ends early leaves its input unread.
        child.stdin.on('error', () => {});
        child.stdin.end(request);
    });
}

function failure(kind, message) {
    return Buffer.from(JSON.stringify({error: {kind, message}}));
}

function next() {
    while (running < CALLS_AT_ONCE && waiting.length > 0) {
        const {request, answer} = waiting.shift();
        running += 1;
        // Without file descriptors or memory, a process cannot even be set up.
        const reply = call(request).catch((error) => failure('spawn', error.message));
        reply.then((bytes) => {
            running -= 1;
            answer(bytes);
            next();
        });
    }
}

function reply(response, status, body) {
    response.writeHead(status, {'Content-Type': 'application/json', 'Content-Length': body.length, Connection: 'close'});
    response.end(body);
}

function accept(incoming, response) {
    const chunks = [];
    let size = 0;
    incoming.on('data', (chunk) => {
        size += chunk.length;
        if (size <= REQUEST_BYTES) {
            chunks.push(chunk);
        }
    });
    incoming.on('end', () => {
        if (size > REQUEST_BYTES) {
            reply(response, 413, failure('request', `the request is longer than ${REQUEST_BYTES} bytes`));
        } else if (waiting.length >= CALLS_WAITING) {
            reply(response, 503, failure('request', `more than ${CALLS_WAITING} calls are waiting`));
        } else {
            waiting.push({request: Buffer.concat(chunks), answer: (body) => reply(response, 200, body)});
            next();
        }
    });
}

const server = http.createServer((incoming, response) => {
    incoming.on('error', () => {});
    response.on('error', () => {});
    if (incoming.method === 'GET' && incoming.url === '/ready') {
        response.writeHead(204, {Connection: 'close'});
        response.end();
    } else if (incoming.method === 'POST' && incoming.url === '/run') {
        accept(incoming, response);
    } else {
        reply(response, 404, failure('request', 'POST /run or GET /ready'));
    }
});
server.requestTimeout = 15000;
server.headersTimeout = 5000;
server.listen(PORT, '0.0.0.0');
