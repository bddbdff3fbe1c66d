# SPDX-License-Identifier: Apache-2.0
"""Run the operator on a machine whose name server answers no question about ``hangs.example``."""

import socket
import sys
import time
from typing import Any

from smtp_operator.cli.main import run_program

SECONDS = 30.0
"""Seconds after which a lookup fails, as with the defaults of resolv.conf and three name servers."""

_getaddrinfo = socket.getaddrinfo


def _slowly(host: Any, *arguments: Any, **options: Any) -> Any:
    if str(host).rstrip(".").endswith("hangs.example"):
        time.sleep(SECONDS)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return _getaddrinfo(host, *arguments, **options)


if __name__ == "__main__":
    socket.getaddrinfo = _slowly
    sys.exit(run_program(sys.argv[1:]))
