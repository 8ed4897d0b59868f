"""What is measured: the release binary, a scratch folder on the disk of the build, and a task table."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import table

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
DEFAULT_BINARY = TARGET / "release" / "lancet"


def fail(problem: str, hint: str | None = None) -> NoReturn:
    """Ends the script with an error on standard error."""
    print(f"error: {problem}", file=sys.stderr)
    if hint is not None:
        print(f"hint: {hint}", file=sys.stderr)
    raise SystemExit(1)


@dataclass(frozen=True)
class Table:
    """A task table in SWE-Lancer's form."""

    csv: Path
    issues: Path | None
    """The folders of the IC tasks, where the real data is at hand."""
    description: str


class Workspace:
    """A binary and a folder of its own, empty at the beginning except for the compiled-code cache."""

    def __init__(self, binary: Path, name: str) -> None:
        self.binary = binary.resolve()
        if not os.access(self.binary, os.X_OK):
            fail(f"there is no program at {binary}", "build it with `cargo build --release -p lancet`")
        # Beside the build and not in /tmp, which is often kept in memory: a
        # durable journal has to meet a disk.
        self.folder = TARGET / "bench" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        self.environment = {
            "HOME": str(self.folder),
            "PATH": os.environ.get("PATH", os.defpath),
            "LANCET_STORE": str(self.folder / "store"),
            "LANCET_CACHE": str(self.folder / "cache"),
        }

    def lancet(self, *arguments: str | Path) -> list[str]:
        """A command line of the binary."""
        return [str(self.binary), *map(str, arguments)]

    def table(self) -> Table:
        """SWE-Lancer's table where it is at hand, else a generated one of the same size and shape."""
        named = os.environ.get("LANCET_SWE_LANCER_DATA")
        data = Path(named) if named else ROOT.parent / "shared" / "data" / "swe-lancer"
        csv = data / "diamond-sample.csv"
        if csv.is_file():
            return Table(csv, data / "issues", "SWE-Lancer's, diamond-sample.csv")
        if named:
            fail(f"LANCET_SWE_LANCER_DATA names {data}, where there is no diamond-sample.csv")
        generated = self.folder / "generated.csv"
        table.write(generated)
        return Table(generated, None, f"generated; set LANCET_SWE_LANCER_DATA for SWE-Lancer's ({csv.name})")
