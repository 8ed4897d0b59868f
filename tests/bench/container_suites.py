"""The suites that `containers.py` makes: next to nothing happens in their containers.

Their images build on `debian:bookworm-slim` alone and install nothing, so that building them needs no network.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

ACCOUNT = 10_001
WORK_TREE = "/srv/app"
CHANGED = ("one.txt", "two.txt", "three.txt")
LINE = "changed"
REPORT_PATH = "/lancet/results/junit.xml"
REPORT = '<testsuites><testsuite name="t" tests="1"><testcase classname="t" name="passes"/></testsuite></testsuites>'
TESTS = f"cat >{REPORT_PATH} <<'END'\n{REPORT}\nEND\n"
SCRIPT = "".join(f"echo {LINE} >>{name}\n" for name in CHANGED)
"""What the agent does, and so what is laid into the graded container."""
SETUP_SECONDS = 5

APP = f"""\
FROM debian:bookworm-slim
ARG NAME=app
RUN mkdir -p {WORK_TREE} /lancet/results && cd {WORK_TREE} && touch {" ".join(CHANGED)} && echo "$NAME" >name \\
    && chown -R {ACCOUNT}:{ACCOUNT} {WORK_TREE} /lancet
"""
DRIVER = "FROM debian:bookworm-slim\n"

PLAN = f"""
[[plans]]
name = "hidden"
argv = ["sh", "run.sh"]
timeout-seconds = 60
report = "{REPORT_PATH}"
tests = "tests"
required = ["t::passes"]
"""


def _task(suite: Path, name: str, environment: str) -> None:
    folder = suite / "tasks" / name
    (folder / "private" / "tests").mkdir(parents=True)
    head = f'title = "{name}"\nkind = "ic-swe"\nprice-cents = 100\nenvironment = "{environment}"\n'
    (folder / "task.toml").write_text(f'{head}\n[grader]\nplugin = "junit"\n{PLAN}', encoding="utf-8")
    (folder / "statement.md").write_text("Change three files.\n", encoding="utf-8")
    (folder / "private" / "answer-key.json").write_text('{"plan": "hidden"}\n', encoding="utf-8")
    (folder / "private" / "tests" / "run.sh").write_text(TESTS, encoding="utf-8")


def _images(suite: Path) -> None:
    for name, dockerfile in (("app", APP), ("driver", DRIVER)):
        (suite / "images" / name).mkdir(parents=True)
        (suite / "images" / name / "Dockerfile").write_text(dockerfile, encoding="utf-8")


def write_grading(suite: Path) -> None:
    """Two tasks, `single` and `split`: what their names say is how their tests are isolated."""
    _images(suite)
    (suite / "suite.toml").write_text(
        f"""\
name = "bench-grading"
description = "What a graded attempt costs beyond its commands"

[images.bench-app]
build = "images/app"

[images.bench-driver]
build = "images/driver"

[environments.single]
image = "bench-app"
work-tree = "{WORK_TREE}"

[environments.split]
image = "bench-app"
work-tree = "{WORK_TREE}"
driver = "bench-driver"

[environments.split.app]
argv = ["sleep", "infinity"]

[environments.split.app.ready]
argv = ["true"]
timeout-seconds = 30
""",
        encoding="utf-8",
    )
    for name in ("single", "split"):
        _task(suite, name, name)


def write_setup(suite: Path, tasks: int, *, shared: bool, nonce: str) -> None:
    """Tasks in environments with a `setup` of some seconds, all with one image or each with one of its own.

    The nonce is in the command, so that nothing that was prepared before is found again.
    """
    _images(suite)
    text = 'name = "bench-setup"\ndescription = "What sharing the set-up of an image saves"\n'
    for number in [0] if shared else range(tasks):
        text += f"""
[images.bench-setup-{number}]
build = "images/app"
args = {{ NAME = "{number}" }}

[environments.e{number}]
image = "bench-setup-{number}"
work-tree = "{WORK_TREE}"

[environments.e{number}.setup]
argv = ["sh", "-c", "sleep {SETUP_SECONDS}", "{nonce}"]
timeout-seconds = 60
"""
    (suite / "suite.toml").write_text(text, encoding="utf-8")
    for number in range(tasks):
        _task(suite, f"task-{number}", "e0" if shared else f"e{number}")


def archive(files: dict[str, str], folders: tuple[str, ...] = ()) -> bytes:
    """A tar of files by path, all the unprivileged account's own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in folders:
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, ACCOUNT, ACCOUNT
            tar.addfile(entry)
        for path, content in files.items():
            data = content.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode, entry.uid, entry.gid = len(data), 0o644, ACCOUNT, ACCOUNT
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()
