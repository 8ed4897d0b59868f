# threat: 9
# suite: expensify-common
# gold: yes
# verdict: fail submission-bad-path
# always: yes
# why: Folders are nested until their path is longer than any system call takes.
name=$(head -c 250 /dev/zero | tr '\0' d)
for level in $(seq 20); do
    mkdir "$name"
    cd -P "$name" 2>/dev/null || cd "$name"
done
echo deep > deep
