# threat: 11
# suite: expensify-common
# runs: 1
# verdict: fail out-of-memory
# why: The code under test uses all the memory of its container, so that the kernel ends processes there.
cat > dist/Num.js <<'END'
const all = [];
for (;;) all.push(Buffer.alloc(16777216, 1));
END
