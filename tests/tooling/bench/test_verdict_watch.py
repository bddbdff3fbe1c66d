# SPDX-License-Identifier: Apache-2.0
"""The benchmark's wait for verdicts survives broken connections to the API server."""

import http.client
from typing import Any
from unittest.mock import MagicMock

from smtp_tools.bench.api import Api, Object, VerdictWatch


class BreakingApi(Api):
    """Each watch ends immediately; the second list breaks off."""

    def __init__(self) -> None:
        self.lists = 0

    def request(self, method: str, path: str, body: Object | None = None, *, kind: str = "json") -> Object:
        self.lists += 1
        if self.lists == 2:
            raise http.client.IncompleteRead(b"{")
        items: list[Object] = [{"metadata": {"name": "one"}}] if self.lists == 3 else []
        return {"metadata": {"resourceVersion": "1"}, "items": items}

    def watch(self, path: str, version: str) -> tuple[Any, Any]:
        return MagicMock(), iter(())


def test_a_list_that_breaks_off_is_repeated() -> None:
    api = BreakingApi()
    with VerdictWatch(api, "/objects", {"one"}, lambda _: "True") as watch:
        watch.wait(30)
    assert (api.lists, watch.verdicts) == (3, {"one": "True"})
