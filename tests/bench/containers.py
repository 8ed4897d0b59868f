#!/usr/bin/env python3
"""Measures what containers cost: a graded attempt against the Docker CLI, two jobs against one, shared set-up.

    cargo build --release -p lancet
    python3 tests/bench/containers.py [--samples N] [--parts grading,jobs,setup] [--lancet FILE]

Needs a Docker engine, its command line, `debian:bookworm-slim`, and for `jobs` what the suite `expensify-common`
needs to be built. What is compared is measured in turns. The third figure of containers, a submission's snapshot, has
a program of its own: `cargo bench -p lancet-docker --bench snapshot`. What each includes is in BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import bare_docker
import container_suites as suites
import machine
from measurement import Spread, run
from workspace import DEFAULT_BINARY, ROOT, Workspace, fail

PARTS = ("grading", "jobs", "setup")
SETUP_TASKS = 6
LIGHT_ATTEMPTS = 8
# Of SWE-Lancer's 198 IC tasks, by commit of the app: 187 share two, the others have one each.
TABLE_TASKS, TABLE_COMMITS = 198, 13
TABLE_SETUP_MINUTES = (3, 4)


class Bench:
    def __init__(self, workspace: Workspace, samples: int) -> None:
        self.workspace = workspace
        self.samples = samples
        for name in ("DOCKER_HOST", "LANCET_BUILD_NETWORK", "LANCET_CONTAINER_RUNTIME"):
            if name in os.environ:
                workspace.environment[name] = os.environ[name]
        # As the tests have it: the engine's own network leads nowhere on some machines.
        workspace.environment.setdefault("LANCET_BUILD_NETWORK", "host")
        self.inputs = workspace.folder / "change.sh"
        self.inputs.write_text(suites.SCRIPT, encoding="utf-8")

    def pin(self, suite: Path) -> None:
        run(self.workspace, self.workspace.lancet("suite", "pin", suite, "--quiet"))

    def run_command(self, suite: Path, *options: str) -> list[str]:
        always = ["--agent", "script", "--format", "json", "--quiet"]
        return self.workspace.lancet("run", suite, *always, *options)

    def attempts(self) -> list[dict]:
        """The attempts of the run that was made last."""
        show = self.workspace.lancet("show", "latest", "--format", "json")
        return json.loads(run(self.workspace, show).stdout)

    def graded(self, suite: Path, task: str) -> tuple[float, float]:
        """Seconds of the solving and the grading half of an attempt.

        Of the second one in a process: the first also looks once at the image's history.
        """
        options = ["--task", task, "--attempts", "2", "--jobs", "1", "--input", str(self.inputs)]
        run(self.workspace, self.run_command(suite, *options))
        attempts = self.attempts()
        if [attempt["state"] for attempt in attempts] != ["pass", "pass"]:
            fail(f"both attempts at `{task}` have to pass: {attempts}")
        last = attempts[-1]
        return last["solve_us"] / 1e6, last["grade_us"] / 1e6

    def grading_suite(self) -> Path:
        suite = self.workspace.folder / "grading"
        if not suite.exists():
            suites.write_grading(suite)
            self.pin(suite)
        return suite

    def grading(self) -> None:
        suite, files = self.grading_suite(), self.workspace.folder / "files"
        bare_docker.write_files(files)
        images = pinned(suite)
        environment = {
            **self.workspace.environment,
            "FILES": str(files),
            "IMAGE": images["bench-app"],
            "DRIVER": images["bench-driver"],
        }

        def bare(script: str) -> float:
            (files / "report.xml").unlink(missing_ok=True)
            seconds = run(self.workspace, bare_docker.command(script), environment).seconds
            if (files / "report.xml").read_text(encoding="utf-8").strip() != suites.REPORT:
                fail("the Docker CLI did not bring the report")
            return seconds

        rows = []
        solved = []
        for task, script in (("single", bare_docker.SINGLE), ("split", bare_docker.SPLIT)):
            ours, theirs = [], []
            self.graded(suite, task), bare(script)
            for _ in range(self.samples):
                solve, grade = self.graded(suite, task)
                solved.append(solve)
                ours.append(grade)
                theirs.append(bare(script))
            rows.append((f"grading, {task} isolation", spread(theirs), spread(ours)))
        print_table(("graded attempt", "Docker CLI", "Lancet"), rows)
        print(f"\nthe agent's half of these attempts: {spread(solved)}")

    def jobs(self) -> None:
        light = self.grading_suite()
        options = ("--task", "single", "--attempts", str(LIGHT_ATTEMPTS))
        rows = [self.speed_up(f"{LIGHT_ATTEMPTS} attempts that ask for one processor", light, "pass", *options)]
        suite = self.workspace.folder / "expensify-common"
        leave_out = shutil.ignore_patterns("images.lock")
        shutil.copytree(ROOT / "tasks" / "expensify-common", suite, ignore=leave_out)
        self.pin(suite)
        # The changes are no solution of anything.
        rows.append(self.speed_up("all of `expensify-common`, 0.6 and 0.4 of a processor for grading", suite, "fail"))
        print_table(("wall clock", "`--jobs 1`", "`--jobs 2`"), rows)

    def speed_up(self, name: str, suite: Path, state: str, *options: str) -> tuple[str, Spread, Spread]:
        def seconds(jobs: int, *options: str) -> float:
            command = self.run_command(suite, "--jobs", str(jobs), "--input", str(self.inputs), *options)
            taken = run(self.workspace, command).seconds
            if {attempt["state"] for attempt in self.attempts()} != {state}:
                fail(f"each attempt has to {state}: {self.attempts()}")
            return taken

        # What is done once, the compiling of plugins, is not in it.
        seconds(1, "--task", next((suite / "tasks").iterdir()).name)
        one, two = [], []
        for _ in range(min(3, self.samples)):
            one.append(seconds(1, *options))
            two.append(seconds(2, *options))
        return name, spread(one), spread(two)

    def setup(self) -> None:
        shared, apart = [], []
        for sample in range(min(3, self.samples)):
            for is_shared, seconds in ((False, apart), (True, shared)):
                name = f"setup-{'shared' if is_shared else 'apart'}-{sample}"
                suite = self.workspace.folder / name
                suites.write_setup(suite, SETUP_TASKS, shared=is_shared, nonce=f"{name}-{os.getpid()}")
                self.pin(suite)
                command = self.run_command(suite, "--jobs", "1", "--input", str(self.inputs))
                seconds.append(run(self.workspace, command).seconds)
                if any(attempt["state"] != "pass" for attempt in self.attempts()):
                    fail(f"every attempt has to pass: {self.attempts()}")
        name = f"{SETUP_TASKS} tasks with {suites.SETUP_SECONDS} s of set-up"
        print_table(("wall clock", "an image each", "one image"), [(name, spread(apart), spread(shared))])
        hours = [minutes * TABLE_TASKS / 60 for minutes in TABLE_SETUP_MINUTES]
        left = [minutes * TABLE_COMMITS for minutes in TABLE_SETUP_MINUTES]
        print(
            f"\nby arithmetic, for {TABLE_TASKS} tasks on {TABLE_COMMITS} commits with "
            f"{TABLE_SETUP_MINUTES[0]} to {TABLE_SETUP_MINUTES[1]} minutes of set-up: once per task {hours[0]:.1f} to "
            f"{hours[1]:.1f} h, once per commit {left[0]} to {left[1]} min"
        )


def spread(seconds: Iterable[float]) -> Spread:
    return Spread(tuple(seconds), "s")


def print_table(head: Sequence[str], rows: Iterable[tuple[str, Spread, Spread]]) -> None:
    """The ratio is that of the medians: the first column's over the second's."""
    print(f"\n| {' | '.join(head)} | ratio |\n|---|---|---|---|")
    for name, first, second in rows:
        print(f"| {name} | {first} | {second} | {first.median / second.median:.2f} × |", flush=True)


def docker(*arguments: str) -> str:
    try:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"docker {arguments[0]}: {getattr(error, 'stderr', '') or error}", "this needs the Docker CLI and engine")


def pinned(suite: Path) -> dict[str, str]:
    """What each image of a suite is pinned to."""
    images = tomllib.loads((suite / "images.lock").read_text(encoding="utf-8"))["images"]
    return {name: image["reference"] for name, image in images.items()}


def remove_images() -> None:
    """What was built for this alone, and what Lancet prepared of it."""
    suites_made = ("bench-grading", "bench-setup")
    rows = docker("images", "--all", "--no-trunc", "--filter", "label=dev.lancet.image", "--format", "{{.ID}}")
    label = '{{index .Config.Labels "dev.lancet.image"}}'
    found = []
    for image in dict.fromkeys(rows.split()):
        # Somebody else's may be removed meanwhile.
        named = subprocess.run(["docker", "inspect", "--format", label, image], capture_output=True, text=True)
        if named.stdout.strip().startswith(tuple(f"{name}/" for name in suites_made)):
            found.append(image)
    if found:
        subprocess.run(["docker", "rmi", "--force", *found], capture_output=True, check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10, help="of `jobs` and `setup` 3 at most [default: 10]")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"what is measured [default: {','.join(PARTS)}]")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the binary [default: the release build's]")
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    if arguments.samples < 1 or not set(parts) <= set(PARTS):
        fail(f"`--samples` is at least 1, and `--parts` are among {', '.join(PARTS)}")

    workspace = Workspace(arguments.lancet, "containers")
    versions = docker("version", "--format", "{{.Server.Version}}")
    print("\n".join([*machine.describe(workspace.folder), f"Docker Engine {versions}"]), flush=True)
    bench = Bench(workspace, arguments.samples)
    try:
        for part in parts:
            getattr(bench, part)()
            one, five, _ = os.getloadavg()
            print(f"\nload in the last minute after `{part}`: {one:.2f}, in the last five {five:.2f}", flush=True)
    finally:
        remove_images()
    shutil.rmtree(workspace.folder)


if __name__ == "__main__":
    main()
