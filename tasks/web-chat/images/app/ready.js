// Exits with 0 as soon as the chat answers, with 1 when it has not after five seconds.
'use strict';

const http = require('node:http');

const until = Date.now() + 5000;

function again() {
  if (Date.now() > until) process.exit(1);
  setTimeout(ask, 50);
}

function ask() {
  const request = http.get('http://127.0.0.1:8080/api/health', { timeout: 1000 }, (response) => {
    if (response.statusCode === 200) process.exit(0);
    response.resume();
    again();
  });
  request.on('timeout', () => request.destroy(new Error('timeout')));
  request.on('error', again);
}

ask();
