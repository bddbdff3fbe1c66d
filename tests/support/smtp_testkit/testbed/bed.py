# SPDX-License-Identifier: Apache-2.0
"""A namespace, and the actions of a user in it."""

import base64
from collections.abc import Callable
from typing import Any

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.faultserver import FaultServer
from smtp_testkit.testbed.api import PATIENCE, Api, Object
from smtp_testkit.testbed.seen import ObservedObject

REQUEST = "smtp-operator.io/test-requested-at"
CA_NAME = "mail-ca"

Server = MailServer | FaultServer


class Bed:
    """A namespace for one test."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self._changes = 0
        ours = f"/apis/smtp-operator.io/v1alpha1/namespaces/{namespace}"
        self.configs, self.tests = f"{ours}/smtpconfigs", f"{ours}/smtptests"

    def core(self, plural: str) -> str:
        """Return the path of the `secrets` or `configmaps`."""
        return f"/api/v1/namespaces/{self.namespace}/{plural}"

    def secret(self, name: str, **data: str | bytes) -> None:
        """Create the Secret, or change its keys."""
        encoded = {
            key: base64.b64encode(value if isinstance(value, bytes) else value.encode()).decode()
            for key, value in data.items()
        }
        body: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": encoded}
        self.api.apply(f"{self.core('secrets')}/{name}", body)

    def delete_secret(self, name: str) -> None:
        """Delete it."""
        self.api.delete(f"{self.core('secrets')}/{name}")

    def permit_tokens(self, service_account: str, *, to: str) -> None:
        """Let this user request tokens of the ServiceAccount."""
        group, name = "rbac.authorization.k8s.io", f"{service_account}-token"
        rbac = f"/apis/{group}/v1/namespaces/{self.namespace}"
        of: Object = {"apiGroups": [""], "resourceNames": [service_account]}
        rules = [
            of | {"resources": ["serviceaccounts"], "verbs": ["get"]},
            of | {"resources": ["serviceaccounts/token"], "verbs": ["create"]},
        ]
        binding: Object = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": to}],
        }
        self.api.create(f"{rbac}/roles", {"metadata": {"name": name}, "rules": rules})
        self.api.create(f"{rbac}/rolebindings", binding)

    def trust(self, server: MailServer) -> Object:
        """Create a ConfigMap with the server's CA; return the `tls` of a spec that trusts it."""
        metadata = {"name": CA_NAME}
        body: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        body["data"] = {"ca.crt": server.ca_pem}
        self.api.apply(f"{self.core('configmaps')}/{CA_NAME}", body)
        return {"caRef": {"kind": "ConfigMap", "name": CA_NAME}}

    def create(
        self, server: Server, /, name: str = "mail", smtp_type: str = "None", **spec: Any
    ) -> ObservedObject:
        """Create an SmtpConfig for this server, with these other fields in its spec."""
        return ObservedObject(
            self.api.create(self.configs, smtp_config(name, settings(server, smtp_type, **spec)))
        )

    def create_test(self, name: str, **spec: Any) -> Object:
        """Create a SmtpTest; a name that ends with a hyphen is completed by the API server."""
        metadata = {"generateName" if name.endswith("-") else "name": name}
        return self.api.create(
            self.tests,
            {
                "apiVersion": "smtp-operator.io/v1alpha1",
                "kind": "SmtpTest",
                "metadata": metadata,
                "spec": spec,
            },
        )

    def change(self, name: str = "mail", **spec: Any) -> ObservedObject:
        """Change fields of the spec."""
        return ObservedObject(self.api.patch(f"{self.configs}/{name}", {"spec": spec}))

    def ask(self, value: str, name: str = "mail") -> None:
        """Request a test."""
        self.api.patch(f"{self.configs}/{name}", {"metadata": {"annotations": {REQUEST: value}}})

    def test_again(self, name: str = "mail") -> ObservedObject:
        """Change the spec and return the verdict; unlike a requested test, this never waits for 10 s."""
        self._changes += 1
        self.change(name, heloName=f"host-{self._changes}.example.com")
        return self.verdict(name)

    def delete(self, name: str = "mail") -> None:
        """Delete it."""
        self.api.delete(f"{self.configs}/{name}")

    def seen(self, name: str = "mail") -> ObservedObject:
        """Return the current object."""
        return ObservedObject(self.api.get(f"{self.configs}/{name}"))

    def wait(
        self, until: Callable[[ObservedObject], bool], name: str = "mail", *, seconds: float = PATIENCE
    ) -> ObservedObject:
        """Wait until `until` holds for the object, and return it."""
        return ObservedObject(
            self.api.wait(self.configs, name, lambda it: until(ObservedObject(it)), seconds=seconds)
        )

    def verdict(self, name: str = "mail", *, seconds: float = PATIENCE) -> ObservedObject:
        """Wait until the status is about the current spec, and return the object."""
        return self.wait(lambda it: it.judged, name, seconds=seconds)

    def verdict_of(self, server: Server, smtp_type: str = "None", /, **spec: Any) -> ObservedObject:
        """Create an SmtpConfig for this server and return its verdict."""
        self.create(server, smtp_type=smtp_type, **spec)
        return self.verdict()

    def events(self, name: str = "mail") -> list[Object]:
        """Return the Events about the object, oldest first."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        about = [it for it in self.api.items(path) if it["regarding"]["name"] == name]
        return sorted(about, key=lambda it: str(it["eventTime"]))

    def wait_for_event(self, reason: str, name: str = "mail") -> Object:
        """Wait for an Event with this reason about the object; it follows the verdict."""
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace}/events"
        return self.api.wait_any(path, lambda it: it["regarding"]["name"] == name and it["reason"] == reason)


def settings(server: Server, smtp_type: str = "None", /, **spec: Any) -> Object:
    """Return a valid spec without a login."""
    return {
        "server": "127.0.0.1",
        "port": _port(server, smtp_type),
        "smtpType": smtp_type,
        "from": "Platform <noreply@example.com>",
        "recipients": {"to": ["ops@example.com"]},
        **spec,
    }


def _port(server: Server, smtp_type: str) -> int:
    if isinstance(server, FaultServer):
        return server.port
    return {"None": server.plain_port, "StartTLS": server.starttls_port, "TLS": server.tls_port}[smtp_type]


def smtp_config(name: str, spec: Object) -> Object:
    """Return an SmtpConfig."""
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"name": name},
        "spec": spec,
    }
