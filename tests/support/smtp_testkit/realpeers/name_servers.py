# SPDX-License-Identifier: Apache-2.0
"""A name server that never answers, for only one process and its children."""

import contextlib
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

from smtp_testkit.realpeers.tools import program

_ADDRESS = "127.0.0.77"


@contextlib.contextmanager
def silent_name_server(directory: Path) -> Iterator[tuple[socket.socket, list[str]]]:
    """Yield its socket, and the prefix of a command that then uses only this name server; needs root."""
    within = using_name_server(directory, _ADDRESS, "timeout:30 attempts:1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((_ADDRESS, 53))
        yield listener, within


def using_name_server(directory: Path, address: str, options: str) -> list[str]:
    """Return the prefix of a command that then uses only the name server at port 53 of an address."""
    configuration = directory / "resolv.conf"
    configuration.write_text(f"nameserver {address}\noptions {options}\n")
    configuration.chmod(0o644)
    mount = f'{program("mount")} --bind {shlex.quote(str(configuration))} /etc/resolv.conf && exec "$@"'
    return [program("unshare"), "--mount", "sh", "-c", mount, "sh"]
