#!/usr/bin/env python3
"""Measures two release binaries in turns: this build's, and that of an earlier commit.

    cargo build --release -p lancet
    python3 tests/bench/side_by_side.py --before FILE [--samples N] [--rounds N] [--containers] [--lancet FILE]

Each sample of the one is followed by one of the other, so that whatever else the machine does meets both. The last
column is the ratio of the medians; over 1 is faster now. `--containers` adds grading in containers, for which see
containers.py. Needs Python 3.11.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import containers
import machine
from measurement import Spread
from whole_run import TASKS, Bench
from workspace import DEFAULT_BINARY, Workspace, fail

BINARIES = ("before", "now")


class Pair:
    """The same measurement of both binaries, in turns."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def measured(self, measure: dict[str, Callable[[int], float]], unit: str) -> dict[str, Spread]:
        values: dict[str, list[float]] = {name: [] for name in BINARIES}
        for sample in range(self.samples):
            # Neither is always the one that comes first.
            for name in BINARIES if sample % 2 == 0 else reversed(BINARIES):
                values[name].append(measure[name](sample))
        return {name: Spread(tuple(found), unit) for name, found in values.items()}


def row(name: str, spreads: dict[str, Spread], *, more_is_better: bool = False) -> str:
    before, now = (spreads[name].median for name in BINARIES)
    ratio = now / before if more_is_better else before / now
    return f"| {name} | {spreads['before']} | {spreads['now']} | {ratio:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="the earlier binary")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the binary now [default: the release build's]")
    parser.add_argument("--samples", type=int, default=10, help="how often each thing is measured [default: 10]")
    parser.add_argument("--rounds", type=int, default=100, help="how often one regrading goes round [default: 100]")
    parser.add_argument("--containers", action="store_true", help="grading in containers as well")
    arguments = parser.parse_args()
    if arguments.samples < 1 or arguments.rounds < 2:
        fail("`--samples` is at least 1, `--rounds` at least 2")

    binaries = dict(zip(BINARIES, (arguments.before, arguments.lancet), strict=True))
    workspaces = {name: Workspace(binary, f"side-by-side-{name}") for name, binary in binaries.items()}
    # Both read one table, also where it is made for the occasion.
    table = workspaces["before"].table()
    print("\n".join([*machine.describe(workspaces["now"].folder), f"table: {table.description}", ""]), flush=True)
    benches = {
        name: Bench(workspace, table, arguments.samples, arguments.rounds) for name, workspace in workspaces.items()
    }
    for bench in benches.values():
        bench.prepare()

    pair = Pair(arguments.samples)

    def both(measure: Callable[[Bench, int], float], unit: str) -> dict[str, Spread]:
        return pair.measured({name: lambda n, b=bench: measure(b, n) for name, bench in benches.items()}, unit)

    def one_run(bench: Bench, sample: int) -> float:
        return bench.settled([bench.run_command(bench.store(f"measured-{sample}"))])[0]

    print("| figure | before | now | ratio |\n|---|---|---|---|")
    print(row(f"{TASKS} tasks run with a durable journal, whole process", both(one_run, "s")), flush=True)
    grade = both(lambda bench, _: 1e6 / bench.regraded_a_second("--jobs", "1"), "µs")
    print(row("one grading, one job, in process", grade), flush=True)
    regrade = both(lambda bench, _: bench.regraded_a_second(), "a second")
    print(row("verdicts regraded, all jobs, in process", regrade, more_is_better=True), flush=True)
    if arguments.containers:
        sides = {name: containers.Bench(workspace, arguments.samples) for name, workspace in workspaces.items()}
        for task in ("single", "split"):
            print(row(f"grading, {task} isolation", grading(pair, sides, task)), flush=True)
    for workspace in workspaces.values():
        shutil.rmtree(workspace.folder)


def grading(pair: Pair, sides: dict[str, containers.Bench], task: str) -> dict[str, Spread]:
    """The seconds of the grading half of attempts in fresh containers."""
    measure = {}
    for name, side in sides.items():
        suite = side.grading_suite()
        # What is made once for an image is there before anything is measured.
        side.graded(suite, task)
        measure[name] = lambda _, side=side, suite=suite: side.graded(suite, task)[1]
    return pair.measured(measure, "s")


if __name__ == "__main__":
    main()
