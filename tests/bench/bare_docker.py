"""What `containers.py` holds against Lancet: the same containers, made by a shell script with the Docker CLI.

The same image, limits and files; no labels, no watch over the disk, and no look into what is copied. Each script
removes what it made, however it ends.
"""

from __future__ import annotations

from pathlib import Path

import container_suites as suites

CONFINED = (
    "--user 10001:10001 --cap-drop ALL --security-opt no-new-privileges --memory 512m --memory-swap 512m --cpus 1"
    " --pids-limit 256 --ulimit nofile=16384 --ulimit core=0 --shm-size 64m --init --no-healthcheck --ipc private"
    " --hostname lancet --env HOME=/tmp/home --log-opt max-size=4m --log-opt max-file=2"
)

SINGLE = f"""\
trap 'docker rm -fv "$box" >/dev/null' EXIT
box=$(docker create {CONFINED} --network none --workdir /lancet/tests --entrypoint sh "$IMAGE" run.sh)
docker cp - "$box":/ <"$FILES/all.tar"
docker start "$box"
[ "$(docker wait "$box")" = 0 ]
docker cp "$box":{suites.REPORT_PATH} "$FILES/report.xml"
docker logs "$box"
"""

# In the order in which one would write it down.
SPLIT = f"""\
trap '
    docker rm -fv "$app" "$driver" >/dev/null
    docker network rm "$network" >/dev/null
    docker volume rm "$volume" >/dev/null
' EXIT
network=$(docker network create --internal -o com.docker.network.bridge.enable_ip_masquerade=false "bench-$$")
volume=$(docker volume create)
app=$(docker create {CONFINED} --network "$network" --network-alias app --entrypoint sleep "$IMAGE" infinity)
docker cp - "$app":/ <"$FILES/submission.tar"
docker start "$app"
driver=$(docker create {CONFINED} --network "$network" --read-only --tmpfs /tmp --env LANCET_APP_HOST=app \\
    --mount "type=volume,src=$volume,dst=/lancet" --workdir /lancet/tests --entrypoint sh "$DRIVER" run.sh)
docker cp - "$driver":/lancet <"$FILES/tests.tar"
until docker exec "$app" true; do sleep 0.2; done
docker start "$driver"
[ "$(docker wait "$driver")" = 0 ]
docker cp "$driver":{suites.REPORT_PATH} "$FILES/report.xml"
docker logs "$driver"
docker kill "$app"
docker logs "$app"
"""


def command(script: str) -> list[str]:
    return ["/bin/sh", "-euc", script]


def write_files(folder: Path) -> None:
    """The archives that the scripts copy: in one piece wherever one will do."""
    folder.mkdir()
    tree = suites.WORK_TREE.strip("/")
    submission = {f"{tree}/{name}": f"{suites.LINE}\n" for name in suites.CHANGED}
    tests = {"tests/run.sh": suites.TESTS}
    below = {f"lancet/{path}": content for path, content in tests.items()}
    (folder / "submission.tar").write_bytes(suites.archive(submission))
    (folder / "tests.tar").write_bytes(suites.archive(tests, ("tests", "results")))
    (folder / "all.tar").write_bytes(suites.archive({**submission, **below}, ("lancet", "lancet/tests")))
