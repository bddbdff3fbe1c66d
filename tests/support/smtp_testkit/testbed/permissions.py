# SPDX-License-Identifier: Apache-2.0
"""Compares the permissions of the operator's roles with its requests: none unused, none missing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from smtp_testkit.testbed.api import Object
from smtp_testkit.testbed.audit import Request

_FORBIDDEN = 403


class Permission(NamedTuple):
    """A verb on a resource, such as ``patch`` on ``smtpconfigs/status``."""

    verb: str
    resource: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


def granted_by(documents: Iterable[Object]) -> frozenset[Permission]:
    """Return the permissions of the roles in these manifests that are bound to their ServiceAccount."""
    everything = list(documents)
    bound = {
        (it["roleRef"]["kind"], it["roleRef"]["name"])
        for it in everything
        if it["kind"].endswith("RoleBinding") and _is_of_an_account(it)
    }
    roles = [it for it in everything if (it["kind"], it["metadata"]["name"]) in bound]
    return frozenset(permission for role in roles for permission in _granted(role))


def _is_of_an_account(binding: Object) -> bool:
    return any(subject["kind"] == "ServiceAccount" for subject in binding["subjects"])


def _granted(role: Object) -> Iterator[Permission]:
    for rule in role["rules"]:
        for resource in rule["resources"]:
            yield from (Permission(verb, resource) for verb in rule["verbs"])


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionAudit:
    """An audit of one user, by all its requests.

    ``deliberate``: permissions that are missing on purpose in tests, and why.
    """

    granted: frozenset[Permission]
    used: frozenset[Permission]
    refused: frozenset[Permission]
    deliberate: Mapping[Permission, str]

    @classmethod
    def of(
        cls,
        granted: frozenset[Permission],
        requests: Iterable[Request],
        *,
        deliberate: Mapping[Permission, str],
    ) -> "PermissionAudit":
        """Return the audit of a user, without requests that need no permission."""
        used: set[Permission] = set()
        refused: set[Permission] = set()
        for request in requests:
            if request.resource and "selfsubject" not in request.resource:
                asked = Permission(request.verb, request.resource)
                (refused if request.code == _FORBIDDEN else used).add(asked)
        return cls(granted=granted, used=frozenset(used), refused=frozenset(refused), deliberate=deliberate)

    @property
    def holds(self) -> bool:
        """Whether no permission is unused and none is missing."""
        return not (self.superfluous or self.lacking)

    @property
    def superfluous(self) -> list[Permission]:
        """Permissions that are granted but never used."""
        return sorted(self.granted - self.used)

    @property
    def lacking(self) -> list[Permission]:
        """Permissions of refused requests, except granted ones, which a starting server refuses."""
        return sorted(self.refused - self.granted - set(self.deliberate))

    def report(self) -> str:
        """Return one line for each permission."""
        lines = [f"used                 {it}" for it in sorted(self.granted & self.used)]
        lines += [f"GRANTED BUT NOT USED {it}" for it in self.superfluous]
        lines += [f"USED BUT REFUSED     {it}" for it in self.lacking]
        lines += [f"refused on purpose   {it}: {why}" for it, why in sorted(self.deliberate.items())]
        return "\n".join(lines) + "\n"
