# threat: 10
# suite: expensify-common
# gold: yes
# verdict: fail submission-not-a-regular-file
# why: Beside the fix there are hard links between files of the work tree, which would come apart in another container.
for number in $(seq 10); do ln dist/Num.js "dist/linked-$number.js"; done
