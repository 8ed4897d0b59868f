#!/usr/bin/env python3
"""Measures the release binary from outside: attesting, exporting and verifying a run, beside the run itself.

    cargo build --release -p lancet
    python3 tests/bench/attest.py [--samples N] [--attempts N] [--lancet FILE]

On `tasks/storefront-managers`, whose graders and agents take next to no time: the share of a run that takes longer
is less by as much. Needs Python 3.11 and nothing else; `cargo bench -p lancet-trust` measures 10,000 verdicts in process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import machine
from measurement import Spread, peak_mib, run
from workspace import DEFAULT_BINARY, ROOT, Workspace, fail

SUITE = ROOT / "tasks" / "storefront-managers"


class Bench:
    def __init__(self, workspace: Workspace, samples: int, attempts: int) -> None:
        self.workspace = workspace
        self.samples = samples
        self.attempts = attempts

    def command(self, *arguments: str | Path) -> list[str]:
        return self.workspace.lancet(*arguments)

    def run_command(self, store: str) -> list[str]:
        options = ["--agent", "longest", "--attempts", str(self.attempts), "--format", "json", "--quiet"]
        return self.command("run", SUITE, *options, "--store", self.workspace.folder / store)

    def measured(self, commands: list[list[str]]) -> Spread:
        values = []
        for command in commands:
            os.sync()
            values.append(run(self.workspace, command).seconds * 1e3)
        return Spread(tuple(values), "ms")

    def figures(self) -> None:
        run(self.workspace, self.command("key", "new", "host"))
        # The first run compiles the plugins; every later one is warm.
        report = json.loads(run(self.workspace, self.run_command("store")).stdout)
        verdicts = report["totals"]["all"]["attempts"]
        attested, exported = self.workspace.folder / "run.attested.jsonl", self.workspace.folder / "run.export.tar"
        attest = self.command("attest", "--key", "host", "--output", attested)
        export = self.command("export", "--key", "host", "--output", exported)
        verify = self.command("verify", attested, "--format", "json")
        whole = self.command("verify", exported, "--format", "json")
        ran = self.measured([self.run_command(f"measured-{i}") for i in range(self.samples)])
        figures = {
            f"a run of {verdicts} attempts, new store": ran,
            "attesting it": self.measured([attest] * self.samples),
            "exporting it": self.measured([export] * self.samples),
            "verifying what was attested": self.measured([verify] * self.samples),
            "verifying what was exported": self.measured([whole] * self.samples),
            "the same and executing it again": self.measured([[*whole, "--replay"]] * self.samples),
        }
        for name, spread in figures.items():
            share = f"{spread.median / ran.median:.1%} of the run" if spread is not ran else ""
            each = f"{spread.median / verdicts * 1e3:,.0f} µs"
            print(f"| {name}, whole process | {spread} | {each} | {share} |", flush=True)
        for name, path in ("attested", attested), ("exported", exported):
            size = path.stat().st_size
            print(f"| bytes {name} | {size:,} | {size // verdicts:,} | |", flush=True)
        for name, command in ("exporting", export), ("verifying what was exported", whole):
            values = tuple(peak_mib(self.workspace, command) for _ in range(min(5, self.samples)))
            print(f"| peak memory of {name} | {Spread(values, 'MiB')} | | |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5, help="how often each thing is measured [default: 5]")
    parser.add_argument("--attempts", type=int, default=100, help="attempts at each of 12 tasks [default: 100]")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the binary [default: the release build's]")
    arguments = parser.parse_args()
    if arguments.samples < 1 or arguments.attempts < 1:
        fail("`--samples` and `--attempts` are at least 1")
    workspace = Workspace(arguments.lancet, "attest")
    print("\n".join([*machine.describe(workspace.folder), ""]), flush=True)
    print("| figure | median (min–max) | for each verdict | |\n|---|---|---|---|")
    Bench(workspace, arguments.samples, arguments.attempts).figures()
    shutil.rmtree(workspace.folder)


if __name__ == "__main__":
    main()
