# threat: 10
# suite: expensify-common
# gold: yes
# verdict: fail submission-bad-path
# always: yes
# why: A path of 4,000 bytes: whether the engine can read it depends on where from it looks.
cat > /tmp/edge.js <<'END'
const fs = require('fs');
process.chdir('/srv/expensify-common');
let left = 4000 - '/srv/expensify-common'.length;
while (left > 256) {
    const name = 'e'.repeat(Math.min(199, left - 3));
    fs.mkdirSync(name);
    process.chdir(name);
    left -= name.length + 1;
}
fs.writeFileSync('f'.repeat(left - 1), 'edge');
END
node /tmp/edge.js
