#!/usr/bin/env python3
"""Measures the release binary from outside: attesting, exporting and verifying a run, beside the run itself.

    cargo build --release -p lancet
    python3 tests/bench/attest.py [--containers] [--samples N] [--attempts N] [--lancet FILE]

On `tasks/storefront-managers`, whose graders and agents take next to no time: the share of a run that takes longer
is less by as much. `--containers` measures attesting beside the lightest run there is in containers instead, 40 attempts whose
tests are one `cat`, and needs a Docker engine, its command line and `debian:bookworm-slim`. Needs Python 3.11 and nothing
else; `cargo bench -p lancet-trust` measures 10,000 verdicts in process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

import containers
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


def beside_containers(workspace: Workspace, samples: int) -> None:
    bench = containers.Bench(workspace, samples)
    suite = bench.grading_suite()
    run(workspace, workspace.lancet("key", "new", "host"))
    options = ["--task", "single", "--attempts", "40", "--jobs", "1", "--input", str(bench.inputs)]
    attest = workspace.lancet("attest", "--key", "host", "--output", workspace.folder / "run.attested.jsonl")
    ran, attested = [], []
    for _ in range(samples):
        ran.append(run(workspace, bench.run_command(suite, *options)).seconds)
        os.sync()
        attested.append(run(workspace, attest).seconds)
    whole, added = Spread(tuple(ran), "s"), Spread(tuple(seconds * 1e3 for seconds in attested), "ms")
    print(f"| a run of 40 attempts in containers, `--jobs 1`, whole process | {whole} | {whole.median / 40:.2f} s | |")
    share = added.median / 1e3 / whole.median
    print(f"| attesting it, whole process | {added} | {added.median / 40 * 1e3:,.0f} µs | {share:.2%} of the run |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5, help="how often each thing is measured [default: 5]")
    parser.add_argument("--attempts", type=int, default=100, help="attempts at each of 12 tasks [default: 100]")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the binary [default: the release build's]")
    parser.add_argument("--containers", action="store_true", help="attest a run in containers instead")
    arguments = parser.parse_args()
    if arguments.samples < 1 or arguments.attempts < 1:
        fail("`--samples` and `--attempts` are at least 1")
    workspace = Workspace(arguments.lancet, "attest")
    print("\n".join([*machine.describe(workspace.folder), ""]), flush=True)
    print("| figure | median (min–max) | for each verdict | |\n|---|---|---|---|")
    if arguments.containers:
        try:
            beside_containers(workspace, arguments.samples)
        finally:
            containers.remove_images()
    else:
        Bench(workspace, arguments.samples, arguments.attempts).figures()
    shutil.rmtree(workspace.folder)


if __name__ == "__main__":
    main()
