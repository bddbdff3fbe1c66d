# SPDX-License-Identifier: Apache-2.0
"""Errors of the Kubernetes API that the core knows, and the origin of unexpected errors."""

import traceback
from pathlib import Path


class ClusterError(Exception):
    """A request to the API server failed. The text names objects, never their content."""


class ObjectNotFound(ClusterError):
    """The object does not exist (404)."""


class AccessDenied(ClusterError):
    """The API server does not allow the request (401, 403).

    ``lacks_permission`` is False if admission refused it: a policy, a webhook, a quota, or the end of the
    namespace. ``denial`` is then the message of the policy or webhook. It may quote the object: see
    ``RequestRefused``.
    """

    def __init__(self, text: str, *, lacks_permission: bool = True, denial: str = "") -> None:
        super().__init__(text)
        self.lacks_permission = lacks_permission
        self.denial = denial

    @property
    def without_denial(self) -> str:
        """Return the text without ``denial``, so that it quotes nothing of the object."""
        return str(self).removesuffix(self.denial).rstrip(": ")


class RequestRefused(ClusterError):
    """The API server rejects the request permanently: malformed, too large or invalid (400, 422 …).

    ``denial`` is the message of an admission policy. It may quote the object: show it only to its author.
    """

    def __init__(self, text: str, *, denial: str = "") -> None:
        super().__init__(text)
        self.denial = denial


class ApiUnavailable(ClusterError):
    """The API server did not answer, or a retry can succeed (5xx, 429, connection lost).

    ``retry_after`` is in seconds, or None if the server named no time.
    """

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


def origin(error: BaseException) -> str:
    """Return the error's type and where it was raised; never its text, which may quote a password."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    return f"{type(error).__qualname__} at {where}"
