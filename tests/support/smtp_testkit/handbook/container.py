# SPDX-License-Identifier: Apache-2.0
"""A stand-in for `docker run` with the operator's image: it runs the installed program.

As in a container, the program has only the files that are mounted, the variables that `--env` passes, and
standard input with `--interactive`. The image runs as user 65532, so a mounted file must be readable by
everyone, unless `--user` names its owner. The network and the trusted CAs are those of the page's world.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

IMAGE = "registry.example.com/smtp-operator:0.1.0"
_SURROUNDINGS = ("PATH", "SSL_CERT_FILE", "SMTP_OPERATOR_SENDER_AUTHENTICATION")


def install(folder: Path) -> Path:
    """Write the program `docker` into a new folder below `folder`; return that folder."""
    programs = folder / "programs"
    programs.mkdir()
    program = programs / "docker"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return programs


def main(words: Sequence[str]) -> None:
    """Replace this process by the program that the container would run."""
    parser = argparse.ArgumentParser(prog="docker", allow_abbrev=False)
    run = parser.add_subparsers(required=True).add_parser("run", allow_abbrev=False)
    run.add_argument("--rm", action="store_true", required=True)
    run.add_argument("-i", "--interactive", action="store_true")
    run.add_argument("-v", "--volume", action="append", default=[])
    run.add_argument("-w", "--workdir")
    run.add_argument("-e", "--env", action="append", default=[])
    run.add_argument("-u", "--user")
    run.add_argument("image", choices=[IMAGE])
    run.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(words)
    mounts = {place: Path(real) for real, place in (it.split(":")[:2] for it in options.volume)}
    for real in mounts.values():
        if options.user is None and not _readable_by_everyone(real):
            sys.exit(f"docker: user 65532 cannot read {real.name}")
    if not options.interactive:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(mounts[options.workdir] if options.workdir else tempfile.mkdtemp())
    environment = {name: os.environ[name] for name in _SURROUNDINGS if name in os.environ}
    for assignment in options.env:
        name, _, value = assignment.partition("=")
        passed = value if "=" in assignment else os.environ.get(name)
        if passed is not None:
            environment[name] = str(mounts.get(passed, passed))
    os.execve(sys.executable, [sys.executable, "-m", "smtp_operator", *options.arguments], environment)


def _readable_by_everyone(path: Path) -> bool:
    return all(it.stat().st_mode & 0o004 for it in [path, *path.glob("*.txt"), *path.glob("*.yaml")])


if __name__ == "__main__":
    main(sys.argv[1:])
