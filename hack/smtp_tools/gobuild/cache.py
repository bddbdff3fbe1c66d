# SPDX-License-Identifier: Apache-2.0
"""The per-user cache: its folder, its lock, and how to clean it."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".building-"
"""Prefix of incomplete folders; the process with the lock may remove them."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return `$XDG_CACHE_HOME/smtp-operator/go` or `~/.cache/smtp-operator/go`."""
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    # The XDG specification requires that relative paths are ignored.
    return (base if base.is_absolute() else Path.home() / ".cache") / "smtp-operator" / "go"


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Hold the lock of `cache`; print a note to stderr before waiting for another process."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    # Next to the folder, so that it survives `clean_cache` and all waiting processes have the same file.
    with cache.with_name(f"{cache.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process is building in {cache}; waiting for it.", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        cache.mkdir(exist_ok=True)
        yield


def remove_half_made(cache: Path) -> None:
    """Remove the remains of killed builds; the caller holds the lock."""
    for pattern in (f"{PARTIAL}*", f"*/{PARTIAL}*"):
        for folder in cache.glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)


def clean_cache(environment: Mapping[str, str] = os.environ) -> int:
    """Remove all built programs, and a downloaded Go with its caches; return the bytes freed.

    The caches of a Go from the PATH stay, because the user's other projects need them too.
    """
    cache = cache_folder(environment)
    if not cache.exists():
        return 0
    with locked(cache):
        freed = sum(file.lstat().st_blocks * 512 for file in cache.rglob("*"))
        shutil.rmtree(cache)
    return freed
