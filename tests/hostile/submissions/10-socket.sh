# threat: 10
# suite: expensify-common
# gold: yes
# verdict: fail submission-not-a-regular-file
# why: Beside the fix there is a socket, which no archive can hold.
node -e 'require("node:net").createServer().listen("dist/socket", () => process.kill(process.pid, "SIGKILL"))'
test -S dist/socket
