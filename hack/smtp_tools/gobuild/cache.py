# SPDX-License-Identifier: Apache-2.0
"""The per-user cache: its place, its lock, its end."""

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".building-"
"""Names that begin so are half-made; whoever holds the lock may remove them."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/smtp-operator/go`, or `~/.cache/smtp-operator/go`."""
    base = Path(environment.get("XDG_CACHE_HOME", ""))
    # The XDG specification wants relative paths ignored.
    return (base if base.is_absolute() else Path.home() / ".cache") / "smtp-operator" / "go"


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Hold the lock of `cache`; says so on stderr when it has to wait for another process."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder: it outlives `clean_cache`, so all who wait hold the same file.
    with cache.with_name(f"{cache.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another process is building in {cache}; waiting for it.", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        cache.mkdir(exist_ok=True)
        yield


def remove_half_made(cache: Path) -> None:
    """Remove what a killed build left behind; the caller holds the lock."""
    for pattern in (f"{PARTIAL}*", f"*/{PARTIAL}*"):
        for folder in cache.glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)


def clean_cache(environment: Mapping[str, str] = os.environ) -> int:
    """Remove all programs built, and a Go fetched for it with its caches; returns the bytes freed.

    Go's own caches, if Go came from the PATH, are left alone: they belong to the user's other work too.
    """
    cache = cache_folder(environment)
    if not cache.exists():
        return 0
    with locked(cache):
        freed = sum(file.lstat().st_blocks * 512 for file in cache.rglob("*"))
        shutil.rmtree(cache)
    return freed
