# threat: 12
# suite: expensify-common
# verdict: fail tests-failed | fail out-of-memory
# why: Replies that are small as text and large in memory: millions of empty lists, and lists nested a million deep.
cat >> dist/Num.js <<'END'
exports.default.tax.calculateTaxFromPercentage = (total, percentage) => ({
    toJSON: () => (percentage === '10%' ? Array(2500000).fill([]) : {}),
});
const fs = require('node:fs');
exports.default.tax.calculateTaxFromDivisor = () => {
    fs.writeSync(3, `{"value": ${'['.repeat(1000000)}${']'.repeat(1000000)}}`);
    process.reallyExit(0);
};
END
