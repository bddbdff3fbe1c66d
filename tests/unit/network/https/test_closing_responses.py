# SPDX-License-Identifier: Apache-2.0
"""A response can be closed in every state, also after an invalid status line has closed its stream."""

import http.client
import socket
import threading

import pytest

from smtp_operator.network.bounded_sockets import bounds
from smtp_operator.network.https_connection import BoundedResponse


@pytest.mark.parametrize("sent", [b"no HTTP at all\r\n\r\n", b"HTTP/9.9\r\n", b""])
def test_a_response_without_a_valid_status_line_can_be_closed(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        bounds.begin(total=5, read=5, size=1000, stop=threading.Event())
        response = BoundedResponse(ours, method="GET")
        with pytest.raises(http.client.HTTPException):
            response.begin()
        response.close()
