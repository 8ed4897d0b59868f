# threat: 4
# suite: expensify-common
# verdict: fail tests-failed
# why: Without the module there is nothing to test; that is no reason to leave tests out.
rm dist/Num.js dist/str.js dist/index.js
