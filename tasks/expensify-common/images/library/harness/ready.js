'use strict';

// Exits with 0 when the service accepts calls.

const http = require('node:http');

const request = http.get({host: '127.0.0.1', port: 8080, path: '/ready', timeout: 2000}, (response) => {
    process.exit(response.statusCode === 204 ? 0 : 1);
});
request.on('timeout', () => process.exit(1));
request.on('error', () => process.exit(1));
