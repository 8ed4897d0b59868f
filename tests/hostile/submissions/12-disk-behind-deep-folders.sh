# threat: 12
# suite: expensify-common
# verdict: fail no-submission
# why: The same, behind folders nested so deep that whoever adds up the files gives up.
(
    cd /tmp
    name=$(head -c 250 /dev/zero | tr '\0' d)
    for level in $(seq 20); do
        mkdir "$name"
        cd -P "$name" 2>/dev/null || cd "$name"
    done
    echo deep > deep
)
for number in 1 2 3 4 5; do head -c 200M /dev/zero > "/tmp/fill-$number" || break; done
sleep 60
found no limit of the disk
