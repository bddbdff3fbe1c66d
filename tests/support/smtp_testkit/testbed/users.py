# SPDX-License-Identifier: Apache-2.0
"""Users of a cluster with exactly the granted permissions, and objects that they write."""

import http.client
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from smtp_testkit.testbed.api import Api, ApiError, Object
from smtp_testkit.testbed.waiting import until

GROUP = "smtp-operator.io"
KINDS_PATH = f"/apis/{GROUP}/v1alpha1"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def path_of(kind: str, namespace: str) -> str:
    """Return the path of the objects of one of our kinds."""
    if kind == "ClusterSmtpVault":
        return f"{KINDS_PATH}/clustersmtpvaults"
    return f"{KINDS_PATH}/namespaces/{namespace}/{kind.lower()}s"


def object_of(kind: str, spec: Object, name: str = "one") -> Object:
    """Return an object of one of our kinds."""
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }


def sentence(error: ApiError) -> str:
    """Return the message of the policy in a rejection; empty if no policy rejected the request."""
    return str(error).partition("denied request: ")[2]


@dataclass(frozen=True)
class Right:
    """A permission of RBAC.

    Attributes:
        verb: verb such as ``get``.
        resource: plural with subresource; ours end in ``.smtp-operator.io``.
        name: name of the object; empty: all objects.
        namespace: the namespace; empty: the whole cluster.
    """

    verb: str
    resource: str
    name: str = ""
    namespace: str = ""

    @property
    def rule(self) -> Object:
        """Return the rule for a role."""
        ours = self.resource.endswith(f".{GROUP}")
        names = {"resourceNames": [self.name]} if self.name else {}
        resource = self.resource.removesuffix(f".{GROUP}")
        return {"apiGroups": [GROUP if ours else ""], "resources": [resource], "verbs": [self.verb], **names}

    def asked_for(self, user: str) -> Object:
        """Return a SubjectAccessReview for it."""
        resource, _, subresource = self.resource.removesuffix(f".{GROUP}").partition("/")
        attributes = {
            "verb": self.verb,
            "group": GROUP if self.resource.endswith(f".{GROUP}") else "",
            "resource": resource,
            "subresource": subresource,
            "name": self.name,
            "namespace": self.namespace,
        }
        return {"spec": {"user": user, "resourceAttributes": attributes}}


WRITE_OURS = tuple(
    Right(verb, f"*.{GROUP}") for verb in ("get", "list", "create", "update", "patch", "delete")
)
"""The permissions to write all our kinds in every namespace."""


@dataclass
class Users:
    """Creates users by impersonation; `forget` revokes their permissions.

    Attributes:
        api: the API server, as administrator.
        acting_as: returns the same API server, as this user.
    """

    api: Api
    acting_as: Callable[[str], Api]
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _made: list[Api] = field(default_factory=list)
    _granted: list[str] = field(default_factory=list)

    def user(self, name: str, *rights: Right) -> Api:
        """Return a user with exactly these permissions, which are already effective."""
        for namespace in sorted({right.namespace for right in rights}):
            self._grant(name, [right.rule for right in rights if right.namespace == namespace], namespace)
        for right in rights:  # the API server reads new roles with a short delay
            until(partial(self._may, name, right), f"{right} never counted for {name}")
        it = self.acting_as(name)
        self._made.append(it)
        return it

    def bind(self, name: str, role: str, namespace: str = "") -> None:
        """Bind a ClusterRole to the user, in a namespace or in the whole cluster."""
        kind, base = (
            ("RoleBinding", f"{RBAC}/namespaces/{namespace}") if namespace else ("ClusterRoleBinding", RBAC)
        )
        binding = f"{name}-{next(self._numbers)}"
        self._create(f"{base}/{kind.lower()}s", binding, _binding("ClusterRole", role, name))

    def _may(self, name: str, right: Right) -> bool:
        return bool(self.api.create(REVIEWS, right.asked_for(name))["status"]["allowed"])

    def _grant(self, name: str, rules: list[Object], namespace: str) -> None:
        kind, base = ("Role", f"{RBAC}/namespaces/{namespace}") if namespace else ("ClusterRole", RBAC)
        role = f"{name}-{next(self._numbers)}"
        self._create(f"{base}/{kind.lower()}s", role, {"rules": rules})
        self._create(f"{base}/{kind.lower()}bindings", role, _binding(kind, role, name))

    def _create(self, collection: str, name: str, body: Object) -> None:
        self.api.create(collection, {"metadata": {"name": name}, **body})
        self._granted.append(f"{collection}/{name}")

    def forget(self) -> None:
        """Revoke all granted permissions."""
        for user in self._made:
            user.close()
        for path in self._granted:
            try:
                self.api.delete(path)
            except ApiError as error:
                if error.code != http.client.NOT_FOUND:  # its namespace was deleted before
                    raise


def _binding(kind: str, role: str, user: str) -> Object:
    return {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
    }
