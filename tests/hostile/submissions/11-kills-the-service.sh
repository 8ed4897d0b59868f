# threat: 11
# suite: expensify-common
# runs: 1
# verdict: fail tests-failed
# why: The code under test kills the service, and with it the container: its own fault, and none of the infrastructure.
cat > dist/Num.js <<'END'
process.kill(process.ppid, 'SIGKILL');
END
