#!/usr/bin/env python3
"""Manager tasks worked on by a model: `tool-loop` and a server of the bench's own beside Inspect and its mock model.

    cargo build --release -p lancet
    python3 tests/bench/models.py [--samples N] [--jobs N] [--lancet FILE]

Both sides ask once per task, get a call of the tool that hands in, and judge it. Lancet asks over HTTP and keeps a
durable journal; Inspect's mock model answers in its process. Then one conversation of 250 turns, for what its journal
takes. Needs Python 3.11 with `venv`, and PyPI at the first call: Inspect is installed below the target folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import machine
from against_inspect import INSPECT, SIDE, environment_with_inspect, samples
from measurement import Spread, peak_mib, run
from whole_run import TASKS, Bench
from workspace import DEFAULT_BINARY, Workspace, fail

SERVER = Path(__file__).with_name("model_server.py")
TURNS, TURN_BYTES = 250, 3_000


@contextmanager
def server(*arguments: str) -> Iterator[str]:
    """The base URL of a server."""
    process = subprocess.Popen([sys.executable, SERVER, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()


def run_command(bench: Bench, url: str, store: Path, *more: str) -> list[str]:
    options = ["--kind", "swe-manager", "--model", "chat/mock", "--base-url", url]
    options += ["--format", "json", "--quiet", "--store", str(store), *more]
    return bench.workspace.lancet("run", bench.suite, *options)


def journal_bytes(store: Path) -> tuple[int, int]:
    """What the journal of the only attempt takes in the database, and its blobs of answers."""
    with sqlite3.connect(f"file:{store / 'lancet.db'}?mode=ro", uri=True) as database:
        events = [row[0] for row in database.execute("SELECT event FROM events")]
    raw = set()
    for event in events:
        answered = json.loads(event).get("call", {}).get("response", {})
        if isinstance(answered, dict) and "answered" in answered:
            raw.add(answered["answered"]["raw"].removeprefix("sha256:"))
    blobs = sum((store / "blobs" / name[:2] / name[2:]).stat().st_size for name in raw)
    return sum(len(event.encode()) for event in events), blobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5, help="how often each thing is measured [default: 5]")
    parser.add_argument("--jobs", type=int, default=64, help="attempts at a time [default: 64]")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the binary [default: the release build's]")
    arguments = parser.parse_args()
    if arguments.samples < 1 or arguments.jobs < 1:
        fail("`--samples` and `--jobs` are at least 1")

    binaries = environment_with_inspect()
    workspace = Workspace(arguments.lancet, "models")
    table = workspace.table()
    print("\n".join([*machine.describe(workspace.folder), f"table: {table.description}", f"baseline: {INSPECT}", ""]))
    bench = Bench(workspace, table, arguments.samples, 2)
    bench.prepare()
    questions = workspace.folder / "samples.json"
    questions.write_text(json.dumps(samples(bench.suite)), encoding="utf-8")
    side = [str(binaries / "python"), str(SIDE), "solve", str(questions)]

    inspect_seconds, inspect_inside, lancet_seconds = [], [], []
    with server() as url:
        jobs = ("--jobs", str(arguments.jobs), "--agent", "tool-loop")
        warm = json.loads(run(workspace, run_command(bench, url, bench.store("warm"), *jobs)).stdout)
        right = warm["totals"]["swe-manager"]["pass"]
        # In turns, so that what else the machine does meets both.
        for number in range(arguments.samples):
            log = str(workspace.folder / f"inspect-{number}")
            finished = run(workspace, [*side, log, str(arguments.jobs)])
            said = json.loads(finished.stdout)
            if (said["samples"], said["right"]) != (TASKS, right):
                fail(f"the two sides do not agree: Lancet has {right} right, Inspect says {said}")
            inspect_seconds.append(finished.seconds)
            inspect_inside.append(said["seconds"])
            command = run_command(bench, url, bench.store(f"measured-{number}"), *jobs)
            lancet_seconds.append(run(workspace, command).seconds)
        lancet_peak = peak_mib(workspace, run_command(bench, url, bench.store("peak"), *jobs))
        inspect_peak = peak_mib(workspace, [*side, str(workspace.folder / "inspect-peak"), str(arguments.jobs)])

    def rate(seconds: list[float]) -> Spread:
        return Spread(tuple(TASKS / value for value in seconds), "tasks per second")

    print(f"{TASKS} manager tasks, {arguments.jobs} at a time, one answer each; both sides find {right} right\n")
    print("| compared | Inspect | Lancet | ratio |\n|---|---|---|---|")
    for name, inspect in (("whole process", inspect_seconds), ("Inspect without its start", inspect_inside)):
        ratio = rate(lancet_seconds).median / rate(inspect).median
        print(f"| {name} | {rate(inspect)} | {rate(lancet_seconds)} | {ratio:.1f} × |")
    print(f"| peak memory | {inspect_peak:.0f} MiB | {lancet_peak:.0f} MiB | {lancet_peak / inspect_peak:.2f} |")

    store = bench.store("long")
    with server("--turns", str(TURNS), "--bytes", str(TURN_BYTES)) as url:
        task = min((bench.suite / "tasks").glob("*-manager-*")).name
        long = ("--agent", "swelancer-simple", "--set", f"turns={TURNS}", "--task", task)
        seconds = run(workspace, run_command(bench, url, store, *long)).seconds
    journal, blobs = journal_bytes(store)
    print(f"\na conversation of {TURNS} turns, {TURN_BYTES:,} bytes each: journal {journal / 1e6:.2f} MB,", end=" ")
    print(f"answers as received {blobs / 1e6:.2f} MB, {seconds:.1f} s")
    shutil.rmtree(workspace.folder)


if __name__ == "__main__":
    main()
