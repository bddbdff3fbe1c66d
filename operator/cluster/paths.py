# SPDX-License-Identifier: Apache-2.0
"""Build paths of the API. Object names are DNS names, so they need no quoting."""

from typing import Final

from smtp_operator.api.names import (
    CLUSTER_SMTP_VAULT_PLURAL,
    GROUP,
    SMTP_CONFIG_PLURAL,
    SMTP_TEST_PLURAL,
    SMTP_VAULT_PLURAL,
    VERSION,
)
from smtp_operator.api.objects import Reference, ReferenceKind

_GROUP_VERSION: Final = f"/apis/{GROUP}/{VERSION}"
_CORE: Final = "/api/v1"
_LISTS: Final[dict[ReferenceKind, str]] = {
    "Secret": f"{_CORE}{{}}/secrets",
    "ConfigMap": f"{_CORE}{{}}/configmaps",
    "ServiceAccount": f"{_CORE}{{}}/serviceaccounts",
    "Namespace": f"{_CORE}{{}}/namespaces",
    "SmtpConfig": f"{_GROUP_VERSION}{{}}/{SMTP_CONFIG_PLURAL}",
    "SmtpTest": f"{_GROUP_VERSION}{{}}/{SMTP_TEST_PLURAL}",
    "SmtpVault": f"{_GROUP_VERSION}{{}}/{SMTP_VAULT_PLURAL}",
    "ClusterSmtpVault": f"{_GROUP_VERSION}{{}}/{CLUSTER_SMTP_VAULT_PLURAL}",
}


NAMESPACES: Final = f"{_CORE}/namespaces"


def objects(kind: ReferenceKind, namespace: str | None) -> str:
    """Return the path of the list in one namespace; None: in all."""
    return _LISTS[kind].format(_in(namespace))


def object_path(reference: Reference) -> str:
    """Return the path of an object of any kind."""
    return f"{objects(reference.kind, reference.namespace or None)}/{reference.name}"


SELF_SUBJECT_REVIEWS: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def service_account(namespace: str, name: str) -> str:
    """Return the path of a ServiceAccount."""
    return f"{_CORE}{_in(namespace)}/serviceaccounts/{name}"


def events(namespace: str) -> str:
    """Return the path of the Events of a namespace."""
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"


def leases(namespace: str) -> str:
    """Return the path of the Leases of a namespace."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


EVENTS_OF_THE_CLUSTER: Final = "default"
"""The namespace of Events about cluster-scoped objects (Kubernetes API conventions)."""


def schema() -> str:
    """Return the path of the OpenAPI document of our API; every authenticated user may read it."""
    return f"/openapi/v3{_GROUP_VERSION}"


def _in(namespace: str | None) -> str:
    return "" if namespace is None else f"/namespaces/{namespace}"
