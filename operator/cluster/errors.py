# SPDX-License-Identifier: Apache-2.0
"""Map responses of the API server to errors. No error text contains content of an object."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from smtp_operator.api.errors import (
    AccessDenied,
    ApiUnavailable,
    ClusterError,
    ObjectNotFound,
    RequestRefused,
)

_UNKNOWN_FIELD: Final = re.compile(r"(?<![\w.\[\]])\.[\w.\[\]]+: field not declared in schema")


_FIELD_MANAGER: Final = re.compile(r'conflict with "([^"]+)"')
_DENIAL: Final = re.compile(
    r"(ValidatingAdmissionPolicy '[^']+' with binding '[^']+' denied request"
    r'|admission webhook "[^"]+" denied the request)(?:: (.*))?'
)
"""The denying policy or webhook, and its message, which may quote the object."""
_NO_PERMISSION: Final = re.compile(r'\bUser "[^"]*" cannot ')
"""The start of what every authorizer of the API server says; admission has other words."""


class FieldConflict(NamedTuple):
    """A field that another field manager owns."""

    field: str
    """Path of the field, such as ``.spec.port``."""
    manager: str


class Conflict(ClusterError):
    """The object is not in the state that the request was made for (409).

    ``fields`` are those that another manager owns, after a server-side apply.
    """

    def __init__(self, text: str, fields: Iterable[FieldConflict] = ()) -> None:
        super().__init__(text)
        self.fields = tuple(fields)


class ListExpired(ClusterError):
    """The API server no longer knows that resourceVersion or continue token (410)."""


class ClusterUnknown(ClusterError):
    """There is no usable kubeconfig and no Pod ServiceAccount: no cluster to connect to."""


_BY_STATUS: Final[Mapping[int, type[ClusterError]]] = {
    404: ObjectNotFound,
    410: ListExpired,
}
_NOT_ALLOWED: Final = frozenset({401, 403})
_MAY_PASS: Final = frozenset({408, 429})


def error_of(what: str, status: int, answer: Mapping[str, Any], retry_after: str | None) -> ClusterError:
    """Return the error for a response with an HTTP status of 400 or more.

    Args:
        what: method and path of the request.
        status: the HTTP status.
        answer: the body, a ``v1.Status`` if the API server itself answered.
        retry_after: the Retry-After header.
    """
    text = f"{what}: {status}{_explained(status, answer)}"
    if status == 409:
        return Conflict(text, _field_conflicts(answer))
    if status in _NOT_ALLOWED:
        lacks_permission = _NO_PERMISSION.search(text) is not None
        return AccessDenied(text, lacks_permission=lacks_permission, denial=_denial_in(text))
    if status in _BY_STATUS:
        return _BY_STATUS[status](text)
    if status not in _MAY_PASS and (status < 500 or _is_of_schema(answer)):
        return RequestRefused(text, denial=_denial_in(_line(answer))[:1024])
    return ApiUnavailable(text, retry_after=_seconds(retry_after, answer))


def _field_conflicts(answer: Mapping[str, Any]) -> list[FieldConflict]:
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    return [
        FieldConflict(str(cause.get("field")), found[1])
        for cause in causes or ()
        if isinstance(cause, Mapping) and (found := _FIELD_MANAGER.search(str(cause.get("message"))))
    ]


def _denial_in(text: str) -> str:
    """Return the message of the policy or webhook that denied the request; empty if none did."""
    denied = _DENIAL.search(text)
    return (denied and denied[2]) or ""


def _line(answer: Mapping[str, Any]) -> str:
    """Return the message on one line."""
    return " ".join(str(answer.get("message")).split())


def _is_of_schema(answer: Mapping[str, Any]) -> bool:
    """Return whether the CRD lacks a field: server-side apply then returns 500, and no retry fixes that."""
    message = str(answer.get("message", ""))
    return "failed to create typed patch object" in message or bool(_UNKNOWN_FIELD.search(message))


def _explained(status: int, answer: Mapping[str, Any]) -> str:
    reason = answer.get("reason")
    text = f" {reason}" if isinstance(reason, str) and reason.isalnum() else ""
    message = answer.get("message")
    if isinstance(message, str):
        if status in (401, 403, 404):  # these name user, verb and object; for denials see AccessDenied
            return f"{text}: {_line(answer)[:500]}"
        denied = _DENIAL.search(_line(answer))
        if denied:
            return f"{text}: {denied[1]}"
        unknown = dict.fromkeys(_UNKNOWN_FIELD.findall(message))
        if unknown:
            return f"{text}: {'; '.join(unknown)}"
    # Messages of other responses may quote values; field names are harmless.
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    named = [cause["field"] for cause in causes or () if isinstance(cause, Mapping) and cause.get("field")]
    return f"{text}: {', '.join(map(str, named))}" if named else text


def _seconds(header: str | None, answer: Mapping[str, Any]) -> float | None:
    details = answer.get("details")
    stated = header or (details.get("retryAfterSeconds") if isinstance(details, Mapping) else None)
    try:
        return max(0.0, float(stated)) if stated is not None else None
    except (TypeError, ValueError):
        return None  # the header may be a date; our own delay applies then
