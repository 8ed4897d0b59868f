# threat: 10
# suite: expensify-common
# gold: yes
# verdict: pass tests-passed
# why: Beside the fix there are repositories in folders, gitlinks to elsewhere and links in .git: what git keeps is no part of it.
mkdir -p dist/.git/hooks vendor/library/.git/objects
ln -s /etc/passwd dist/.git/config
printf 'gitdir: /etc\n' > vendor/.git
printf '[submodule "evil"]\n\tpath = vendor/library\n\turl = ext::sh -c touch%% @CANARY@\n' > .gitmodules
git update-index --add --cacheinfo 160000,1111111111111111111111111111111111111111,vendor/library
ln -s /etc .git/etc
mkfifo .git/pipe
printf 'x' > "$(printf '.git/bad\001name')"
