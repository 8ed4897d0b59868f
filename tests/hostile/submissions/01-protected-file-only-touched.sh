# threat: 1
# suite: expensify-common
# gold: yes
# verdict: pass tests-passed
# why: A protected file that is written anew with the same bytes, as editors and package managers do, is not changed.
cp package.json /tmp/same
rm package.json
cp /tmp/same package.json
touch -d 2030-01-01 package.json
