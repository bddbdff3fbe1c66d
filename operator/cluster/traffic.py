# SPDX-License-Identifier: Apache-2.0
"""Who counts what goes to the API server."""

from typing import Protocol


class ApiTraffic(Protocol):
    """Is told of every request. It neither waits nor fails."""

    def answered(self, method: str, status: int | None) -> None:
        """A request was answered with that HTTP status; None: there was no answer."""
        ...

    def status_conflict(self) -> None:
        """A status met an object that was changed meanwhile."""
        ...

    def oversized(self, resource: str) -> None:
        """An object was so long that only the fields that are needed were read."""
        ...


class Uncounted:
    """The Traffic where nobody counts."""

    def answered(self, method: str, status: int | None) -> None:
        """Takes no note."""

    def status_conflict(self) -> None:
        """Takes no note."""

    def oversized(self, resource: str) -> None:
        """Takes no note."""
