#!/usr/bin/env python3
"""The same recorded answers judged again by Lancet and by Inspect (`inspect-ai`), side by side.

    cargo build --release -p lancet
    python3 tests/bench/against_inspect.py [--samples N] [--rounds N] [--lancet FILE]

Needs Python 3.11 with `venv`, and PyPI at the first call: Inspect is installed into a virtual environment under the
target folder. What each side does, and what is compared, is in BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import machine
from measurement import Spread, run
from whole_run import TASKS, Bench
from workspace import DEFAULT_BINARY, TARGET, Workspace, fail

INSPECT = "inspect-ai==0.3.285"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SIDE = Path(__file__).with_name("inspect_side.py")


def environment_with_inspect() -> Path:
    """The `bin` folder of a virtual environment that has Inspect."""
    folder = TARGET / "bench" / "venv" / INSPECT
    binaries = folder / "bin"
    if not (binaries / "inspect").exists():
        print(f"installing {INSPECT} into {folder}", file=sys.stderr)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            quietly = ["--quiet", "--disable-pip-version-check"]
            subprocess.run([binaries / "pip", "install", *quietly, INSPECT], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            fail(f"{INSPECT} could not be installed: {error}", "Python's `venv` module and PyPI have to be at hand")
    return binaries


def samples(suite: Path) -> list[dict]:
    """The manager tasks of a suite as multiple choice, each answered with the first proposal, as by the run's agent."""
    found = []
    for folder in sorted((suite / "tasks").iterdir()):
        task = tomllib.loads((folder / "task.toml").read_text(encoding="utf-8"))
        if task["kind"] != "swe-manager":
            continue
        proposals = task["proposals"]
        correct = json.loads((folder / "private" / "answer-key.json").read_text(encoding="utf-8"))["correct"]
        found.append(
            {
                "id": folder.name,
                # The id makes the text unique: tasks about one issue have the same statement.
                "input": f"{folder.name}: {task['title']}\n\n{(folder / 'statement.md').read_text(encoding='utf-8')}",
                "choices": [(folder / p["file"]).read_text(encoding="utf-8") for p in proposals],
                "target": LETTERS[[p["id"] for p in proposals].index(correct)],
                "answer": LETTERS[0],
            }
        )
    return found


def ratio(inspect: Spread, lancet: Spread) -> str:
    return f"{inspect.median / lancet.median:,.0f} ×"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5, help="how often each thing is measured [default: 5]")
    parser.add_argument("--rounds", type=int, default=100, help="rounds of one `lancet regrade` [default: 100]")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the binary [default: the release build's]")
    arguments = parser.parse_args()
    if arguments.samples < 1 or arguments.rounds < 2:
        fail("`--samples` is at least 1, `--rounds` at least 2")

    binaries = environment_with_inspect()
    workspace = Workspace(arguments.lancet, "against-inspect")
    table = workspace.table()
    print("\n".join([*machine.describe(workspace.folder), f"table: {table.description}", f"baseline: {INSPECT}", ""]))
    bench = Bench(workspace, table, arguments.samples, arguments.rounds)
    bench.prepare()

    environment = {**workspace.environment, "PATH": f"{binaries}:{workspace.environment['PATH']}"}
    python, log = [str(binaries / "python"), str(SIDE)], workspace.folder / "recorded.eval"
    questions = workspace.folder / "samples.json"
    questions.write_text(json.dumps(samples(bench.suite)), encoding="utf-8")
    recorded = json.loads(run(workspace, [*python, "record", str(questions), str(log)], environment).stdout)
    report = json.loads(run(workspace, workspace.lancet("report", "--format", "json")).stdout)
    right = report["totals"]["swe-manager"]["pass"]

    # In turns, so that what else the machine does meets both.
    rescored: dict[str, list[float]] = {"copy": [], "in place": []}
    both, one, inspect_process, lancet_process = [], [], [], []
    scored = workspace.folder / "scored.eval"
    score = [str(binaries / "inspect"), "score", str(log), "--scorer", "answer", "-S", "pattern=letter"]
    score += ["--model", "mockllm/model", "--action", "overwrite", "--display", "none"]
    score += ["--output-file", str(scored), "--overwrite"]
    for _ in range(arguments.samples):
        said = json.loads(run(workspace, [*python, "score", str(log), "3"], environment).stdout)
        if (said["samples"], said["right"], recorded["right"]) != (TASKS, right, right):
            fail(f"the two sides do not agree: Lancet has {right} right, Inspect recorded {recorded}, re-scored {said}")
        for name, seconds in rescored.items():
            seconds += said[name]
        both.append(TASKS / bench.regraded_a_second())
        one.append(TASKS / bench.regraded_a_second("--jobs", "1"))
        inspect_process.append(run(workspace, score, environment).seconds)
        lancet_process.append(run(workspace, bench.regrade_command()).seconds)

    def spread(seconds: list[float]) -> Spread:
        return Spread(tuple(value * 1e3 for value in seconds), "ms")

    in_place = spread(rescored["in place"])
    rows = [
        ("in process", spread(rescored["copy"]), spread(both)),
        ("in process, Inspect without its copy of the log", in_place, spread(both)),
        ("in process, Inspect without its copy of the log, Lancet with `--jobs 1`", in_place, spread(one)),
        ("whole process", spread(inspect_process), spread(lancet_process)),
    ]
    print(f"{TASKS} recorded answers judged again; both sides find {right} right\n")
    print("| compared | Inspect | Lancet | ratio of the medians |\n|---|---|---|---|")
    for name, inspect, lancet in rows:
        print(f"| {name} | {inspect} | {lancet} | {ratio(inspect, lancet)} |")
    shutil.rmtree(workspace.folder)


if __name__ == "__main__":
    main()
