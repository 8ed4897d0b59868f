"""The machine in general words."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from measurement import durable_write_us


def _first(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else "unknown"


def _version(program: str) -> str:
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return f"{program} not found"


def describe(folder: Path) -> list[str]:
    """Processors, memory, disk, kernel, compiler, and how busy the machine is: one line each."""
    model = _first("/proc/cpuinfo", r"^model name\s*: (.*)$")
    memory = int(_first("/proc/meminfo", r"^MemTotal:\s*(\d+) kB")) / 1024**2
    return [
        f"{len(os.sched_getaffinity(0))} × {model}, {memory:.0f} GiB",
        f"fdatasync of 4 KiB appended: {durable_write_us(folder)}",
        f"{platform.system()} {platform.release()}, {_version('rustc')}, Python {platform.python_version()}",
        f"load in the last minute when it began: {os.getloadavg()[0]:.2f}",
    ]
