"""Running a command and saying how long it took and how much memory it needed; the spread of several values."""

from __future__ import annotations

import ctypes
import os
import shlex
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workspace import Workspace, fail


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing, in one unit."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        one = len(self.values) == 1
        spread = "" if one else f" ({_short(min(self.values))}–{_short(max(self.values))}, n = {len(self.values)})"
        return f"{_short(self.median)} {self.unit}{spread}"


def _short(number: float) -> str:
    digits = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2
    return f"{number:,.{digits}f}"


@dataclass(frozen=True)
class Finished:
    """A command that ended well."""

    seconds: float
    stdout: str
    stderr: str


def run(workspace: Workspace, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Finished:
    """Runs a command to its end, with nothing to read and its output in files.

    The seconds are from just before the process is made until it has been waited for. `posix_spawn` because
    `subprocess` adds a millisecond of its own, which is a third of what the shortest command takes.
    """
    paths = workspace.folder / "stdout", workspace.folder / "stderr"
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    for descriptor, path in enumerate(paths, start=1):
        actions.append((os.POSIX_SPAWN_OPEN, descriptor, path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    environment = workspace.environment if environment is None else environment
    started = time.perf_counter()
    pid = os.posix_spawn(command[0], command, environment, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    seconds = time.perf_counter() - started
    stdout, stderr = (path.read_text(encoding="utf-8", errors="replace") for path in paths)
    if code := os.waitstatus_to_exitcode(status):
        fail(f"`{shlex.join(command)}` ended with {code}:\n{stderr or stdout}")
    return Finished(seconds, stdout, stderr)


def peak_mib(workspace: Workspace, command: Sequence[str]) -> float:
    """The largest resident set of a command, in MiB, from the kernel's accounting (`ru_maxrss`).

    A process starts with the peak of what it was forked from, and an interpreter of Python is larger than
    `lancet --help`. So a shell, which is small, starts the command and goes away, and this process, which is
    made the reaper of orphans, waits for it.
    """
    PR_SET_CHILD_SUBREAPER = 36
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        fail(f"prctl(PR_SET_CHILD_SUBREAPER): {os.strerror(ctypes.get_errno())}")
    in_the_background = ["/bin/sh", "-c", '"$@" > /dev/null 2>&1 &', "sh"]
    subprocess.run([*in_the_background, *command], env=workspace.environment, stdin=subprocess.DEVNULL, check=True)
    # The only child there is now.
    _, status, usage = os.wait4(-1, 0)
    if code := os.waitstatus_to_exitcode(status):
        fail(f"`{shlex.join(command)}` ended with {code}")
    return usage.ru_maxrss / 1024


def durable_write_us(folder: Path, number: int = 200) -> Spread:
    """How long the disk takes to make 4 KiB appended to a file durable (`fdatasync`), in microseconds."""
    path = folder / "fdatasync"
    values = []
    with path.open("wb", buffering=0) as file:
        for _ in range(number):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            values.append((time.perf_counter() - started) * 1e6)
    path.unlink()
    return Spread(tuple(values), "µs")
