# threat: 9
# suite: expensify-common
# gold: yes
# verdict: fail tests-failed
# why: A file that the fixed one needs is replaced by a folder with nothing in it: the file is gone.
rm dist/str.js
mkdir dist/str.js
