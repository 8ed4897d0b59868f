# threat: 10
# suite: expensify-common
# verdict: fail submission-not-a-regular-file
# why: A folder is replaced by a link to /etc, so that what lies below it is read there, or written there.
rm -rf dist/components
ln -s /etc dist/components
