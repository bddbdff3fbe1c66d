# SPDX-License-Identifier: Apache-2.0
"""Where things are in the API. Names of objects are DNS names, so that they need no quoting."""

from typing import Final

from smtp_operator.api.names import (
    CLUSTER_SMTP_VAULT_PLURAL,
    GROUP,
    SMTP_CONFIG_PLURAL,
    SMTP_VAULT_PLURAL,
    VERSION,
)
from smtp_operator.api.objects import ObjectKey, Reference, ReferenceKind, ServedKind

_GROUP_VERSION: Final = f"/apis/{GROUP}/{VERSION}"
_CORE: Final = "/api/v1"
_LISTS: Final[dict[ReferenceKind, str]] = {
    "Secret": f"{_CORE}{{}}/secrets",
    "ConfigMap": f"{_CORE}{{}}/configmaps",
    "ServiceAccount": f"{_CORE}{{}}/serviceaccounts",
    "Namespace": f"{_CORE}{{}}/namespaces",
    "SmtpVault": f"{_GROUP_VERSION}{{}}/{SMTP_VAULT_PLURAL}",
    "ClusterSmtpVault": f"{_GROUP_VERSION}{{}}/{CLUSTER_SMTP_VAULT_PLURAL}",
}


NAMESPACES: Final = f"{_CORE}/namespaces"


def smtp_configs(namespace: str | None) -> str:
    """The list of one namespace; None: of all."""
    return f"{_GROUP_VERSION}{_in(namespace)}/{SMTP_CONFIG_PLURAL}"


def smtp_config(key: ObjectKey) -> str:
    """One SmtpConfig."""
    return f"{smtp_configs(key.namespace)}/{key.name}"


def ours(kind: ServedKind, key: ObjectKey) -> str:
    """One object of a kind of ours."""
    if kind == "SmtpConfig":
        return smtp_config(key)
    return referred_object(Reference(kind, key.namespace, key.name))


def all_of_ours(kind: ServedKind, namespace: str | None) -> str:
    """The list of a kind of ours in one namespace; None: in all."""
    return smtp_configs(namespace) if kind == "SmtpConfig" else objects(kind, namespace)


def objects(kind: ReferenceKind, namespace: str | None) -> str:
    """The list of one namespace; None: of all."""
    return _LISTS[kind].format(_in(namespace))


def referred_object(reference: Reference) -> str:
    """One object that a SmtpConfig or a vault object names."""
    return f"{objects(reference.kind, reference.namespace or None)}/{reference.name}"


SELF_SUBJECT_REVIEWS: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def service_account(namespace: str, name: str) -> str:
    """One ServiceAccount."""
    return f"{_CORE}{_in(namespace)}/serviceaccounts/{name}"


def events(namespace: str) -> str:
    """The Events of a namespace."""
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"


def leases(namespace: str) -> str:
    """The Leases of a namespace."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


EVENTS_OF_THE_CLUSTER: Final = "default"
"""The namespace of Events about what has none (Kubernetes API conventions)."""


def schema() -> str:
    """The OpenAPI document of our group and version; whoever may log in may read it."""
    return f"/openapi/v3{_GROUP_VERSION}"


def _in(namespace: str | None) -> str:
    return "" if namespace is None else f"/namespaces/{namespace}"
