# SPDX-License-Identifier: Apache-2.0
"""Count the requests to the API server."""

from typing import Protocol


class ApiTraffic(Protocol):
    """Counter of requests. Its methods neither wait nor fail."""

    def answered(self, method: str, status: int | None) -> None:
        """Count a response with that HTTP status; None: there was no response."""
        ...

    def status_conflict(self) -> None:
        """Count a status write that met an object that was changed meanwhile."""
        ...

    def oversized(self, resource: str) -> None:
        """Count an object that was so long that only the needed fields were read."""
        ...


class Uncounted:
    """Implementation that counts nothing."""

    def answered(self, method: str, status: int | None) -> None:
        """Do nothing."""

    def status_conflict(self) -> None:
        """Do nothing."""

    def oversized(self, resource: str) -> None:
        """Do nothing."""
