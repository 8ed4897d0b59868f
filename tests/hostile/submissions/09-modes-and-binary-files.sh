# threat: 9
# suite: expensify-common
# gold: yes
# verdict: pass tests-passed
# why: Beside the fix there are changed modes, set-user-id bits, empty and binary files, and files that nobody may read.
chmod 755 dist/*.js
chmod 6777 README.md
: > empty
head -c 3000000 /dev/urandom > binary.bin
printf '\000\377\376 not text' > dist/data.bin
printf '\211PNG\r\n\032\n' > picture.png
chmod 000 dist/Num.js binary.bin
mkdir closed
echo hidden > closed/file
chmod 000 closed
