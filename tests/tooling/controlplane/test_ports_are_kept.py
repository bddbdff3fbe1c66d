# SPDX-License-Identifier: Apache-2.0
"""A free port stays free until its server starts."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

from smtp_tools.localcluster.ports import free_ports
from smtp_tools.paths import PYTHONPATH

ROOT = Path(__file__).parents[3]

LOOKS_FOR_IT = """\
import sys
from smtp_tools.localcluster import ports
ports.CANDIDATES = range(int(sys.argv[1]), int(sys.argv[1]) + 1)
try:
    print(ports.free_ports(1))
except OSError as error:
    print(error)
"""


def test_another_process_is_not_given_it() -> None:
    (port,) = free_ports(1)
    command = [sys.executable, "-c", LOOKS_FOR_IT, str(port)]
    environment = {"PATH": os.defpath, "PYTHONPATH": PYTHONPATH}

    told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    assert told == f"fewer than 1 free ports on 127.0.0.1 in range({port}, {port + 1})\n"


def test_nor_is_this_one_given_it_again() -> None:
    assert len({port for _ in range(20) for port in free_ports(3)}) == 60


def test_until_its_server_listens_connections_are_refused() -> None:
    (port,) = free_ports(1)
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED

    with socket.create_server(("127.0.0.1", port)), socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == 0
