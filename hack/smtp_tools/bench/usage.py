# SPDX-License-Identifier: Apache-2.0
"""Processor time and memory of a process, from /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int, proc: Path = Path("/proc")) -> float:
    """Return user and system time of the process, all its threads, and its finished children."""
    stat = (proc / str(pid) / "stat").read_text()
    # The second field is the program's name in parentheses, which may contain blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def resident_megabytes(pid: int, proc: Path = Path("/proc")) -> float:
    """Return the current resident memory."""
    return _status(pid, "VmRSS", proc)


def peak_megabytes(pid: int, proc: Path = Path("/proc")) -> float:
    """Return the peak resident memory."""
    return _status(pid, "VmHWM", proc)


def _status(pid: int, name: str, proc: Path) -> float:
    for line in (proc / str(pid) / "status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024 / 1e6
    raise LookupError(f"{name} is not in the status of process {pid}; has it ended?")
