#!/usr/bin/env python3
"""Measures what the grader that `lancet plugin new` begins with takes in each language: size, building, loading, grading.

    cargo build --release -p lancet
    cargo test -p lancet --test end-to-end from_an_empty_folder   # installs the tools of Python and JavaScript
    python3 tests/bench/languages.py [--samples N] [--lancet FILE]

For each language: the bytes of the package; the seconds of `lancet plugin build`, the first one (for Rust with the kit's
dependencies, compiled from sources that are at hand) and those after a source was saved; the seconds of the whole `lancet plugin
test` on two fixtures where the grader is compiled, and where it is loaded from the cache; and the time of one call of the
grader, as that command says it, in the host's process and in a jailed one. Then every grader judges all manager tasks of
SWE-Lancer's table in jailed processes, as the suite's own: it ends with an error unless all come to what the built-in grader comes
to, task by task, and a replay of each run is identical. At last it times graders in Rust on fixtures that were recorded from the sample
suites: those of `tests/fixtures/attempts`, and of one run of `tasks/storefront-managers` that it makes. Needs Linux, Python 3.11 and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
from dataclasses import dataclass, field
from pathlib import Path

import machine
from isolation import judged_by
from measurement import Spread, run
from workspace import DEFAULT_BINARY, ROOT, TARGET, Workspace, fail

SOURCES = {"rust": "src/lib.rs", "python": "grader.py", "javascript": "grader.js"}
PLACES = ("in-process", "process")


@dataclass
class Measured:
    build_s: list[float] = field(default_factory=list)
    load_s: list[float] = field(default_factory=list)
    again_s: list[float] = field(default_factory=list)
    grade_ms: dict[str, list[float]] = field(default_factory=lambda: {place: [] for place in PLACES})


def equip(language: str, project: Path) -> None:
    """Gives a project the tools that its README says to install, which the tests have installed."""
    match language:
        case "rust":
            # The versions that have been downloaded for the built-in guests.
            shutil.copy(ROOT / "Cargo.lock", project)
        case "python":
            link(TARGET / "tmp/python/componentize-py", project / ".venv")
        case "javascript":
            modules = TARGET / "tmp/npm/componentize-qjs/node_modules"
            for module in modules.iterdir() if modules.is_dir() else fail(*not_there(modules)):
                link(module, project / "node_modules" / module.name)


def link(tool: Path, place: Path) -> None:
    if not tool.exists():
        fail(*not_there(tool))
    place.symlink_to(tool.resolve())


def not_there(tool: Path) -> tuple[str, str]:
    return f"there is no {tool}", "`cargo test -p lancet --test end-to-end from_an_empty_folder` installs it"


def measure(workspace: Workspace, language: str, samples: int) -> tuple[list[str], Path]:
    os.chdir(workspace.folder)
    run(workspace, workspace.lancet("plugin", "new", f"bench-{language}", "--lang", language, "--world", "grader"))
    project = workspace.folder / f"bench-{language}"
    equip(language, project)
    os.chdir(project)
    measured = Measured()
    # Cargo is found and its registry, as its author would have it.
    environment = {**os.environ, **workspace.environment, "HOME": os.environ["HOME"]}
    environment.pop("CARGO_TARGET_DIR", None)
    for _ in range(samples + 1):
        (project / SOURCES[language]).touch()
        measured.build_s.append(run(workspace, workspace.lancet("plugin", "build"), environment).seconds)
    package = next(project.glob("*.wasm"))
    for sample in range(samples):
        for place in PLACES:
            cache = workspace.folder / "cache" / f"{language}-{place}-{sample}"
            cache.mkdir(parents=True, mode=0o700)
            of_cache = {**workspace.environment, "LANCET_CACHE": str(cache)}
            command = workspace.lancet(
                "plugin", "test", package, "--isolation", place, "--fixtures", project / "fixtures", "--format", "json"
            )
            for seconds in (measured.load_s, measured.again_s):
                finished = run(workspace, command, of_cache)
                lines = json.loads(finished.stdout)["fixtures"]
                measured.grade_ms[place].append(statistics.median(line["microseconds"] for line in lines) / 1e3)
                # What is jailed takes a process more, which is no part of loading.
                if place == "in-process":
                    seconds.append(finished.seconds)
    first, *others = measured.build_s
    spreads = [Spread(tuple(values), "s") for values in (others, measured.load_s, measured.again_s)]
    spreads += [Spread(tuple(measured.grade_ms[place]), "ms") for place in PLACES]
    return [language, f"{package.stat().st_size:,} bytes", f"{first:.1f} s", *map(str, spreads)], package


def compare(workspace: Workspace, packages: dict[str, Path]) -> str:
    """Has each grader judge the same answers to all manager tasks, and says what they came to."""
    table = workspace.table()
    suite = workspace.folder / "suite"
    issues = ["--issues", table.issues] if table.issues else []
    run(workspace, workspace.lancet("suite", "import", "swe-lancer", "--csv", table.csv, *issues, "--out", suite))
    # The built-in grader is trusted, and the first: what it comes to is what the others have to come to.
    expected = verdicts(workspace, suite)
    for language, package in packages.items():
        own = workspace.folder / f"suite-{language}"
        shutil.copytree(suite, own)
        judged_by(own, package)
        if (found := verdicts(workspace, own)) != expected:
            differing = [task for task, verdict in expected.items() if found.get(task) != verdict]
            fail(f"{language}: not the verdicts of the built-in grader: {differing or 'other tasks'}")
    passed = sum(state == "pass" for state, _, _ in expected.values())
    return (
        f"{table.description}: {len(expected)} manager tasks, {passed} passed; {', '.join(packages)} and the built-in grader "
        "agree on all, jailed, and every replay was identical"
    )


def verdicts(workspace: Workspace, suite: Path) -> dict[str, tuple[str, str, int]]:
    """What the attempts of a run come to, by task; a replay has to come to the same."""
    options = ["--kind", "swe-manager", "--agent", "random", "--seed", "7", "--isolation", "process"]
    run(workspace, workspace.lancet("run", suite, *options))
    shown = json.loads(run(workspace, workspace.lancet("show", "latest", "--format", "json")).stdout)
    replayed = json.loads(run(workspace, workspace.lancet("replay", "latest", "--format", "json")).stdout)
    if replayed["identical"] != len(shown):
        fail(f"{suite.name}: {replayed['identical']} of {len(shown)} attempts were replayed identically")
    return {
        line["attempt"].split("/")[1]: (line["state"], line["reason"], line["earned_cents"])
        for line in shown
        if line["kind"] == "swe-manager"
    }


def time_fixtures(workspace: Workspace, package: Path, samples: int) -> list[list[str]]:
    """How long graders in Rust take for each fixture of attempts at the sample suites: the median, and the most of all."""
    run(workspace, workspace.lancet("run", ROOT / "tasks" / "storefront-managers", "--agent", "random", "--seed", "7"))
    shown = json.loads(run(workspace, workspace.lancet("show", "latest", "--format", "json")).stdout)
    recorded = workspace.folder / "recorded"
    for number, line in enumerate(shown):
        run(workspace, workspace.lancet("plugin", "record", line["attempt"], "--output", recorded / f"{number}.json"))
    rows = []
    for grader, fixtures in ((package, recorded), ("junit", ROOT / "tests" / "fixtures" / "attempts")):
        for place in PLACES:
            command = workspace.lancet("plugin", "test", grader, "--isolation", place, "--fixtures", fixtures, "--format", "json")
            taken: list[float] = []
            for _ in range(samples):
                lines = json.loads(run(workspace, command).stdout)["fixtures"]
                taken += [line["microseconds"] / 1e3 for line in lines]
            name = grader if isinstance(grader, str) else "the kit's"
            rows.append([name, str(len(lines)), place, f"{statistics.median(taken):.2f} ms", f"{max(taken):.2f} ms"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=5, help="how often each figure is taken (default: 5)")
    parser.add_argument("--lancet", type=Path, default=DEFAULT_BINARY, help="the program (default: the release build)")
    arguments = parser.parse_args()
    workspace = Workspace(arguments.lancet, "languages")
    print("\n".join(machine.describe(workspace.folder)), end="\n\n")
    print("| language | package | first build | build | load, compiled | load, from the cache | grade in process | grade jailed |")
    print("|---|---|---|---|---|---|---|---|")
    packages = {}
    for language in SOURCES:
        row, packages[language] = measure(workspace, language, arguments.samples)
        print(f"| {' | '.join(row)} |", flush=True)
    print(f"\n{compare(workspace, packages)}")
    print("\n| grader in Rust | fixtures | where | median | most |\n|---|---|---|---|---|")
    for row in time_fixtures(workspace, packages["rust"], arguments.samples):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
