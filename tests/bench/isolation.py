#!/usr/bin/env python3
"""Measures what jailed processes cost: a run of 140 manager tasks in the host's process and in jailed ones, by turns.

    cargo build --release -p lancet
    cargo test -p lancet --test end-to-end guests_in   # builds the guests in Python and JavaScript
    python3 tests/bench/isolation.py [--samples N] [--jobs N] [--lancet FILE]

Agent and grader of each language are files that are named on the command line and in the suite, so a stranger's; those in
Rust have the bytes of built-in ones, as the release build left them. For each language:
the seconds of the whole process, the processor time of an attempt (two calls) with all processes that took part, and the
memory of a worker, as its resident set was largest. On SWE-Lancer's table where it is at hand, else on a generated one.
Needs Linux, Python 3.11 and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import machine
from measurement import Spread
from workspace import DEFAULT_BINARY, TARGET, Workspace, fail

TASKS = 140
GUESTS = TARGET / "tmp" / "guests"


@dataclass(frozen=True)
class Language:
    name: str
    agent: str
    grader: Path
    grants: tuple[str, ...] = ()


@dataclass
class Measured:
    seconds: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    worker_mib: list[float] = field(default_factory=list)


def built_in(name: str) -> Path:
    """The newest component of a plugin that the release build embeds."""
    built = (TARGET / "release" / "build").glob(f"lancet-builtin-*/out/lancet-{name}.wasm")
    newest = max(built, key=lambda path: path.stat().st_mtime, default=None)
    return newest or fail(f"there is no component of {name} in {TARGET}", "`cargo build --release -p lancet` builds it")


def languages() -> list[Language]:
    found = [Language("Rust", str(built_in("agent-random")), built_in("grader-manager-choice"))]
    for name, ending, grants in (("Python", "py", ()), ("JavaScript", "js", ("--grant", "grader:wasi-inert"))):
        agent, grader = (GUESTS / f"{guest}-{ending}" / "component.wasm" for guest in ("chooser", "judge"))
        if not (agent.is_file() and grader.is_file()):
            fail(f"there is no guest in {name} at {agent}", "`cargo test -p lancet --test end-to-end guests_in` builds them")
        found.append(Language(name, str(agent), grader, grants))
    return found


def judged_by(suite: Path, grader: Path) -> None:
    """Has every manager task of a suite judged by a component of the suite's own."""
    (suite / "graders").mkdir()
    shutil.copy(grader, suite / "graders" / "mine.wasm")
    digest = hashlib.sha256(grader.read_bytes()).hexdigest()
    own = f'[grader]\nfile = "graders/mine.wasm"\ndigest = "sha256:{digest}"\n'
    for path in suite.glob("tasks/*/task.toml"):
        text = path.read_text(encoding="utf-8")
        if 'kind = "swe-manager"' in text:
            path.write_text(re.sub(r"\[grader\]\n(?:[^\[\n].*\n)*", own, text, count=1), encoding="utf-8")


def workers(parent: int, peaks: dict[int, float], ended: threading.Event) -> None:
    """Notes the largest resident set of each worker of a process, until that has ended."""
    while not ended.is_set():
        try:
            children = " ".join(p.read_text() for p in Path(f"/proc/{parent}/task").glob("*/children")).split()
            for child in map(int, children):
                status = Path(f"/proc/{child}/status").read_text()
                if found := re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE):
                    peaks[child] = max(peaks.get(child, 0.0), int(found.group(1)) / 1024)
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.005)


def measure(workspace: Workspace, command: list[str], into: Measured, *, looks: bool) -> dict:
    """Runs a command and notes what it took; where `looks`, what its workers had as well, which slows it down."""
    out = workspace.folder / "stdout"
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    peaks: dict[int, float] = {}
    ended = threading.Event()
    os.sync()
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, workspace.environment, file_actions=actions)
    looker = threading.Thread(target=workers, args=(pid, peaks, ended))
    if looks:
        looker.start()
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - started
    ended.set()
    if looks:
        looker.join()
        into.worker_mib.extend(peaks.values())
    else:
        into.seconds.append(seconds)
        # Of the process and of all processes that it waited for.
        into.cpu_ms.append((usage.ru_utime + usage.ru_stime) * 1e3 / TASKS)
    if code := os.waitstatus_to_exitcode(status):
        fail(f"`{' '.join(command)}` ended with {code}")
    return json.loads(out.read_text(encoding="utf-8"))


def compare(workspace: Workspace, suite: Path, language: Language, samples: int, jobs: str) -> str:
    places = {"in-process": Measured(), "process": Measured()}

    def run(place: str, name: str, *, looks: bool = False) -> dict:
        options = ["--agent", language.agent, "--kind", "swe-manager", "--isolation", place, "--jobs", jobs]
        store = workspace.folder / f"store-{language.name}-{place}-{name}"
        command = workspace.lancet("run", suite, *options, *language.grants, "--format", "json", "--quiet", "--store", store)
        return measure(workspace, command, places[place], looks=looks)

    # The first of each compiles; what they come to is the same.
    earned = {place: run(place, "first", looks=True)["totals"]["swe-manager"] for place in places}
    if earned["in-process"]["earned_cents"] != earned["process"]["earned_cents"] or earned["process"]["invalid"]:
        fail(f"{language.name}: not the same in either process: {earned}")
    for sample in range(samples):
        for place in places:
            run(place, str(sample), looks=False)
    here, jailed = places["in-process"], places["process"]
    ratios = [b / a for a, b in zip(here.seconds, jailed.seconds)]
    columns = [
        language.name,
        Spread(tuple(here.seconds), "s"),
        Spread(tuple(jailed.seconds), "s"),
        Spread(tuple(ratios), "×"),
        Spread(tuple(here.cpu_ms), "ms"),
        Spread(tuple(jailed.cpu_ms), "ms"),
        Spread(tuple(jailed.worker_mib), "MiB"),
    ]
    return f"| {' | '.join(map(str, columns))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5, help="how often each run is measured [default: 5]")
    parser.add_argument("--jobs", default="2", help="attempts at a time [default: 2]")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the binary [default: the release build's]")
    arguments = parser.parse_args()
    if arguments.samples < 1:
        fail("`--samples` is at least 1")

    workspace = Workspace(arguments.lancet, "isolation")
    table = workspace.table()
    print("\n".join([*machine.describe(workspace.folder), f"table: {table.description}; --jobs {arguments.jobs}", ""]))
    print("| guests | in process | jailed | jailed to in process | CPU per attempt | jailed | memory of a worker |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for language in languages():
        suite = workspace.folder / f"suite-{language.name}"
        command = workspace.lancet("suite", "import", "swe-lancer", "--csv", table.csv, "--out", suite, "--quiet")
        subprocess.run(command, env=workspace.environment, stdout=subprocess.DEVNULL, check=True)
        judged_by(suite, language.grader)
        print(compare(workspace, suite, language, arguments.samples, arguments.jobs), flush=True)
    shutil.rmtree(workspace.folder)


if __name__ == "__main__":
    main()
