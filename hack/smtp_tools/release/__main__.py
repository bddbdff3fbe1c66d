# SPDX-License-Identifier: Apache-2.0
"""Command line of the release tools: ``python -m smtp_tools.release COMMAND``."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from smtp_tools.release import debian
from smtp_tools.release.build import DIST, build, check_version, head
from smtp_tools.release.errors import ReleaseError
from smtp_tools.release.inputs import FOLDER, Inputs

_REPOSITORY = "registry.example.com/smtp-operator"
_HOMEPAGE = "https://git.example.com/smtp-operator"


def main(words: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 0 done, 1 failed, 2 usage."""
    arguments = _parser().parse_args(words)
    try:
        _run(arguments)
    except ReleaseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m smtp_tools.release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("lock", help="lock the newest Debian packages for the image")
    fetch = commands.add_parser("fetch", help="download all locked inputs")
    build = commands.add_parser("build", help="fetch missing inputs, and build all artifacts")
    build.add_argument("version", help="such as 0.1.0")
    build.add_argument("--repository", default=_REPOSITORY, help="where the image will be published")
    build.add_argument("--homepage", default=_HOMEPAGE, help="the project's page, for krew")
    build.add_argument(
        "--base-url", default="", help="where the plug-in will be published (default: as releases on GitHub)"
    )
    build.add_argument("--dist", type=Path, default=DIST, help="folder of the artifacts (default: dist)")
    for command in (fetch, build):
        command.add_argument(
            "--inputs", type=Path, default=FOLDER, help="folder of the inputs (default: .release)"
        )
    record = commands.add_parser("record", help="record what the release stores in a cluster")
    record.add_argument("version", help="such as 0.1.0")
    return parser


def _run(arguments: argparse.Namespace) -> None:
    match arguments.command:
        case "lock":
            debian.write_lock()
        case "fetch":
            Inputs(arguments.inputs).fetch()
        case "record":
            from smtp_tools.release.record import record

            print(record(arguments.version))
        case _:
            check_version(arguments.version)
            inputs = Inputs(arguments.inputs)
            _report("inputs")
            inputs.fetch()
            download = f"{arguments.homepage.rstrip('/')}/releases/download/v{arguments.version}"
            build(arguments.version, inputs=inputs, repository=arguments.repository,
                  homepage=arguments.homepage, base_url=arguments.base_url or download, commit=head(),
                  report=_report, dist=arguments.dist)  # fmt: skip
            print(arguments.dist)


def _report(step: str) -> None:
    print(f"Building: {step} ...", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
