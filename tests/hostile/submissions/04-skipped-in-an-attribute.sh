# threat: 4
# suite: lab
# task: skipped
# verdict: fail required-test-skipped
# always: yes
# why: The report says in an attribute alone that the test was skipped, as GoogleTest does, and the exit status is that of success.
printf 'a\nright\nb\n' > src/value
