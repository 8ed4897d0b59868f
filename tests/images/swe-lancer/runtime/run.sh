#!/bin/bash
# The container's main process: sets up what the tests need, says so in /setup_done.txt, and stays.
set -euo pipefail

for name in ISSUE_ID EVAL_VARIANT PUSHER_APP_KEY PUSHER_APP_SECRET PUSHER_APP_ID USE_WEB_PROXY EXPENSIFY_URL \
    NEW_EXPENSIFY_URL LC_ALL; do
    if [ -z "${!name:-}" ]; then
        echo "run.sh: the variable $name is not set" >&2
        exit 1
    fi
done

# Tries a command ten times a second until it succeeds.
wait_for() {
    local what=$1
    shift
    for _ in $(seq 600); do
        if "$@" >/dev/null 2>&1; then
            return
        fi
        sleep 0.1
    done
    echo "run.sh: $what did not start" >&2
    exit 1
}

if [ "$EVAL_VARIANT" = swe_manager ]; then
    echo "A manager task needs no set-up."
    exec tail -f /dev/null
fi

# What an earlier start of the same container left.
rm -f /setup_done.txt /tmp/.X99-lock /tmp/.X11-unix/X99

echo "Starting the display..."
export DISPLAY=:99
Xvfb :99 -screen 0 1920x1080x24 >/dev/null 2>&1 &
wait_for "the display" test -S /tmp/.X11-unix/X99
evilwm -fn fixed >/dev/null 2>&1 &
# As in the published images: on all addresses, without a password.
x11vnc -display :99 -forever -shared -rfbport 5900 -noxdamage -quiet >/dev/null 2>&1 &

echo "Starting the push server..."
grep -q ws-mt1.pusher.com /etc/hosts || echo "127.0.0.1 ws-mt1.pusher.com" >>/etc/hosts
(
    cd /app
    exec pusher-fake --id "$PUSHER_APP_ID" --key "$PUSHER_APP_KEY" --secret "$PUSHER_APP_SECRET" \
        --socket-host 0.0.0.0 --socket-port 57003
) >/dev/null 2>&1 &
nginx -e stderr -g "daemon off;" >/dev/null 2>&1 &
wait_for "the push server" curl --fail --silent --insecure https://ws-mt1.pusher.com/

grep -qs user-tool ~/.bashrc ||
    echo "alias user-tool='ansible-playbook -i \"localhost,\" --connection=local /app/tests/run_tests.yml -e trace=true'" >>~/.bashrc

if [ -n "${RUNTIME_SETUP:-}" ]; then
    echo "Setting up the project..."
    ansible-playbook -i "localhost," --connection=local /app/tests/setup_expensify.yml
else
    echo "The project was set up when the image was built."
fi

ansible-playbook -i "localhost," --connection=local /app/tests/setup_mitmproxy.yml

echo done >/setup_done.txt
exec tail -f /dev/null
