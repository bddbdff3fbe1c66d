# SPDX-License-Identifier: Apache-2.0
"""Ask the API server what the user is allowed to do (SelfSubjectAccessReview)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.errors import AccessDenied, ObjectNotFound, RequestRefused
from smtp_operator.cluster.client import KubernetesClient

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """A verb on a resource of a namespace."""

    verb: str
    resource: str
    group: str = ""
    """Empty: the core API."""
    name: str = ""
    """Empty: any object."""


async def missing_rights(
    client: KubernetesClient, namespace: str, rights: Iterable[Right]
) -> Sequence[Right]:
    """Return the rights that the user lacks; none if the API server reviews none.

    Raises:
        ClusterError: the API server did not answer.
    """
    rights = list(rights)
    allowed = await asyncio.gather(*(_is_allowed(client, namespace, right) for right in rights))
    return [right for right, granted in zip(rights, allowed, strict=True) if not granted]


def as_text(rights: Iterable[Right]) -> str:
    """Return the rights as text, such as ``create and delete on smtptests, get on secrets``."""
    verbs: dict[str, list[str]] = {}
    for right in rights:
        verbs.setdefault(right.resource, []).append(right.verb)
    return ", ".join(f"{_and(found)} on {resource}" for resource, found in verbs.items())


async def _is_allowed(client: KubernetesClient, namespace: str, right: Right) -> bool:
    attributes = {
        "namespace": namespace,
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        "name": right.name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    try:
        answer = await client.request("POST", _REVIEWS, body=review)
    except (AccessDenied, ObjectNotFound, RequestRefused):
        return True  # the request itself will tell
    return bool((answer.get("status") or {}).get("allowed"))


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
