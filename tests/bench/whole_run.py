#!/usr/bin/env python3
"""Measures the release binary from outside: a whole run, an import, regrading, `--help`, and peak memory.

    cargo build --release -p lancet
    python3 tests/bench/whole_run.py [--samples N] [--rounds N] [--lancet FILE]

On SWE-Lancer's table where it is at hand (`$LANCET_SWE_LANCER_DATA`, or ../shared/data/swe-lancer beside the
workspace), else on a generated one of the same size. Needs Python 3.11 and nothing else. What each figure includes
is in BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import machine
from measurement import Spread, peak_mib, run
from workspace import DEFAULT_BINARY, Table, Workspace, fail

TASKS = 140


@dataclass(frozen=True)
class Figure:
    name: str
    aim: str
    measured: Spread


class Bench:
    def __init__(self, workspace: Workspace, table: Table, samples: int, rounds: int) -> None:
        self.workspace = workspace
        self.samples = samples
        self.rounds = rounds
        self.suite = workspace.folder / "suite"
        self.import_options = ["--csv", table.csv, *(["--issues", table.issues] if table.issues else [])]

    def store(self, name: str) -> Path:
        return self.workspace.folder / name

    def import_command(self, out: Path) -> list[str]:
        return self.workspace.lancet("suite", "import", "swe-lancer", *self.import_options, "--out", out, "--quiet")

    def run_command(self, store: Path) -> list[str]:
        options = ["--agent", "first", "--kind", "swe-manager", "--format", "json", "--quiet", "--store", store]
        return self.workspace.lancet("run", self.suite, *options)

    def regrade_command(self, *options: str) -> list[str]:
        return self.workspace.lancet("regrade", "latest", "--store", self.store("store"), "--format", "json", *options)

    def prepare(self) -> None:
        """Imports the suite, makes one run, and checks that the work to be measured is done in full."""
        run(self.workspace, self.import_command(self.suite))
        # The first run compiles the plugins; every later one is warm.
        report = json.loads(run(self.workspace, self.run_command(self.store("store"))).stdout)
        totals = report["totals"]["swe-manager"]
        if totals["tasks"] != TASKS or totals["invalid"]:
            fail(f"expected {TASKS} manager tasks and none invalid, got {totals}")
        regraded = json.loads(run(self.workspace, self.regrade_command()).stdout)
        if (regraded["regraded"], regraded["changed"]) != (TASKS, 0):
            fail(f"expected {TASKS} verdicts regraded and none changed, got {regraded}")

    def figures(self) -> Iterator[Figure]:
        yield self.help()
        yield self.whole_run("new store", new_store=True)
        yield self.whole_run("store that has the suite", new_store=False)
        yield self.imports()
        yield self.regrade()
        yield self.regrade("--jobs", "1")
        yield self.regrade_process()
        yield from self.peaks()

    def help(self) -> Figure:
        command = self.workspace.lancet("--help")
        run(self.workspace, command)
        values = [run(self.workspace, command).seconds * 1e3 for _ in range(max(30, self.samples))]
        return Figure("`lancet --help`, whole process", "15 ms", Spread(tuple(values), "ms"))

    def whole_run(self, name: str, *, new_store: bool) -> Figure:
        stores = [self.store(f"measured-{i}" if new_store else "store") for i in range(self.samples)]
        values = self.settled([self.run_command(store) for store in stores])
        return Figure(f"{TASKS} tasks run with a durable journal, {name}, whole process", "1 s", Spread(values, "s"))

    def imports(self) -> Figure:
        outs = [self.workspace.folder / f"imported-{i}" for i in range(self.samples)]
        values = self.settled([self.import_command(out) for out in outs])
        return Figure("import of the table, whole process", "—", Spread(values, "s"))

    def settled(self, commands: list[list[str]]) -> tuple[float, ...]:
        """The seconds of commands that write, each with a disk that has nothing else to do.

        Each writes to a place of its own, since what a deletion leaves to the disk would be waited for, too.
        """
        values = []
        for command in commands:
            os.sync()
            values.append(run(self.workspace, command).seconds)
        return tuple(values)

    def regraded_a_second(self, *options: str) -> float:
        """What one process says that regrades the run `rounds` times."""
        said = run(self.workspace, self.regrade_command("--rounds", str(self.rounds), *options)).stderr
        found = re.search(r"^([0-9]+) verdicts (?:a|per) second$", said, re.MULTILINE)
        if found is None:
            fail(f"`lancet regrade --rounds {self.rounds}` did not say how many verdicts per second:\n{said}")
        return float(found.group(1))

    def regrade(self, *options: str) -> Figure:
        values = [self.regraded_a_second(*options) for _ in range(self.samples)]
        name = " ".join(["verdicts regraded per second, in process", *options])
        return Figure(name, "5,000 or more", Spread(tuple(values), "a second"))

    def regrade_process(self) -> Figure:
        values = [run(self.workspace, self.regrade_command()).seconds * 1e3 for _ in range(max(10, self.samples))]
        return Figure(f"{TASKS} verdicts regraded, whole process", "—", Spread(tuple(values), "ms"))

    def peaks(self) -> Iterator[Figure]:
        def commands(sample: int) -> dict[str, list[str]]:
            return {
                "`lancet --help`": self.workspace.lancet("--help"),
                f"a run of {TASKS} tasks": self.run_command(self.store(f"peak-{sample}")),
                "the import of the table": self.import_command(self.workspace.folder / f"peak-import-{sample}"),
                f"regrading {TASKS} verdicts": self.regrade_command(),
            }

        samples = [commands(sample) for sample in range(min(5, self.samples))]
        for name in samples[0]:
            values = tuple(peak_mib(self.workspace, sample[name]) for sample in samples)
            yield Figure(f"peak memory of {name}", "—", Spread(values, "MiB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=10, help="how often each thing is measured [default: 10]")
    parser.add_argument("--rounds", type=int, default=100, help="how often one regrading goes round [default: 100]")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the binary [default: the release build's]")
    arguments = parser.parse_args()
    if arguments.samples < 1 or arguments.rounds < 2:
        fail("`--samples` is at least 1, `--rounds` at least 2")

    workspace = Workspace(arguments.lancet, "whole-run")
    table = workspace.table()
    print("\n".join([*machine.describe(workspace.folder), f"table: {table.description}", ""]), flush=True)
    bench = Bench(workspace, table, arguments.samples, arguments.rounds)
    bench.prepare()
    print("| figure | aim | median (min–max) |\n|---|---|---|")
    for figure in bench.figures():
        print(f"| {figure.name} | {figure.aim} | {figure.measured} |", flush=True)
    shutil.rmtree(workspace.folder)


if __name__ == "__main__":
    main()
