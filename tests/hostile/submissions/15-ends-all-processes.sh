# threat: 15
# suite: expensify-common
# runs: 1
# verdict: fail tests-failed
# why: The code under test ends every process of its container, as a failing machine would: it comes up without the submission.
cat > dist/Num.js <<'END'
process.kill(-1, 'SIGKILL');
END
