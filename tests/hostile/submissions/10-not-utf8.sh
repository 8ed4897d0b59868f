# threat: 10
# suite: expensify-common
# gold: yes
# verdict: fail submission-bad-path
# why: Beside the fix there are two files whose names are not UTF-8, and look the same when they are made so.
touch "$(printf 'dist/a\377')" "$(printf 'dist/a\376')"
