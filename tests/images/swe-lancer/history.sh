#!/bin/bash
# Makes the app's repository, with a history in which both bugs were there once and were fixed since.
#
#     history.sh APP ISSUES WORK_TREE
#
# The last commit has the files of APP. Names, times and contents are fixed, so are the commits' ids: those in
# ISSUES/*/commit_id.txt have to be the last one's.
set -euo pipefail

app=$1 issues=$2 work_tree=$3

export GIT_AUTHOR_NAME="Stand-in" GIT_AUTHOR_EMAIL="stand-in@example.com"
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
hour=0

commit() {
    hour=$((hour + 1))
    git add --all
    GIT_AUTHOR_DATE="2024-11-01T$(printf %02d $hour):00:00Z"
    GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
    export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
    git commit --quiet --message "$1"
}

origin=$(mktemp -d)
cd "$origin"
git init --quiet --initial-branch master
cp "$app/README.md" "$app/package.json" "$app/.gitignore" .
commit "Start the chat"

cp -r "$app/." .
for issue in 90001_1 90002; do
    patch --quiet --strip 1 <"$issues/$issue/bug_reintroduce.patch"
done
mv README.md README.full
printf '# Chat\n' >README.md
mv README.full "$origin.readme"
commit "Add sign-in, the list of chats and messages"

patch --quiet --reverse --strip 1 <"$issues/90001_1/bug_reintroduce.patch"
commit "Show the last message as one line of plain text"

patch --quiet --reverse --strip 1 <"$issues/90002/bug_reintroduce.patch"
commit "Keep the formatting of a message that is edited"
git tag --annotate --message "9.0.54-4" 9.0.54-4

mv "$origin.readme" README.md
commit "Say how to run the app"

git init --quiet --initial-branch master "$work_tree"
cd "$work_tree"
git remote add origin "$origin"
git fetch --quiet --tags origin
git reset --quiet --hard origin/master
git branch --quiet --set-upstream-to origin/master
git remote set-url origin https://chat.example.com/chat.git
rm -rf "$origin"

commit=$(git rev-parse HEAD)
for file in "$issues"/*/commit_id.txt; do
    if [ "$(cat "$file")" != "$commit" ]; then
        echo "history.sh: the last commit is $commit, but $file names $(cat "$file")" >&2
        exit 1
    fi
done
