# threat: 10
# suite: expensify-common
# verdict: fail tests-failed
# says: no device
# why: Devices cannot be made, not even the one that means "deleted" to an overlay.
made=no
mknod dist/null c 1 3 2>/dev/null && made=yes
mknod dist/whiteout c 0 0 2>/dev/null && made=yes
mknod dist/disk b 8 0 2>/dev/null && made=yes
setfattr -n trusted.overlay.opaque -v y dist 2>/dev/null && made=yes
test "$made" = no && echo "no $(echo device)"
