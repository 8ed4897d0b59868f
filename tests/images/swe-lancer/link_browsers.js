// Puts Debian's Chromium where Playwright looks for its own browsers, and for Google's.
const fs = require('fs');
const {execFileSync} = require('child_process');
const path = require('path');

// As root, Chromium refuses to start with its sandbox.
const WRAPPER = '#!/bin/sh\nexec /usr/bin/chromium --no-sandbox "$@"\n';
const CHROME = '/opt/google/chrome/chrome';

const driver = execFileSync('python3', ['-c', 'import os, playwright; print(os.path.dirname(playwright.__file__))'], {encoding: 'utf8'}).trim();
const {registry} = require(path.join(driver, 'driver/package/lib/server/registry'));

const executables = ['chromium', 'chromium-headless-shell'].map((name) => registry.findExecutable(name).executablePath('python'));
[...executables, CHROME].forEach((file) => {
    fs.mkdirSync(path.dirname(file), {recursive: true});
    fs.writeFileSync(file, WRAPPER, {mode: 0o755});
    console.log(`${file} -> /usr/bin/chromium`);
});
