# threat: 12
# suite: expensify-common
# verdict: fail tests-failed
# why: The call under test never returns.
cat >> dist/Num.js <<'END'
exports.default.tax.calculateTaxFromPercentage = () => { for (;;); };
END
