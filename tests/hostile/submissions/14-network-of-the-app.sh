# threat: 14
# suite: expensify-common
# with: escape.js
# verdict: fail tests-failed
# says: tried every way
# why: The code under test tries the same from its container, which has a network: it leads to the tests, and nowhere else.
cp /tmp/with/escape.js dist/escape.js
cat > dist/Num.js <<'END'
const fs = require('node:fs');
const {spawnSync} = require('node:child_process');
try {
    fs.mkdirSync('/tmp/tried');
} catch {
    throw new Error('already tried');
}
const tried = spawnSync(process.execPath, [`${__dirname}/escape.js`], {encoding: 'utf8'});
throw new Error(tried.stdout.slice(-1500));
END
