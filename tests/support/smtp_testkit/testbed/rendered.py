# SPDX-License-Identifier: Apache-2.0
"""Objects among those that Helm rendered."""

from smtp_testkit.testbed.api import Object


def of_kind(documents: list[Object], kind: str) -> list[Object]:
    """Return the objects of a kind."""
    return [it for it in documents if it["kind"] == kind]


def the(documents: list[Object], kind: str, name: str = "smtp-operator") -> Object:
    """Return the only object with this kind and name."""
    (found,) = (it for it in of_kind(documents, kind) if it["metadata"]["name"] == name)
    return found


def arguments(documents: list[Object]) -> list[str]:
    """Return the arguments of the operator's container."""
    (deployment,) = of_kind(documents, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    args: list[str] = container["args"]
    return args
