# SPDX-License-Identifier: Apache-2.0
"""An API server with scripted responses, for faults that a real one rarely shows.

async with FakeApi.start() as api:
    api.on("GET", "/api/v1/secrets", Answer(429, headers={"Retry-After": "7"}), Answer(body=page()))
"""

from smtp_testkit.fakeapi.objects import bookmark, error_event, event, expired, page, partial
from smtp_testkit.fakeapi.server import Answer, FakeApi, ReceivedRequest, Stream

__all__ = [
    "Answer",
    "FakeApi",
    "ReceivedRequest",
    "Stream",
    "bookmark",
    "error_event",
    "event",
    "expired",
    "page",
    "partial",
]
