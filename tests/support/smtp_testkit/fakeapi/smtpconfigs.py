# SPDX-License-Identifier: Apache-2.0
"""SmtpConfigs of namespace team-a, with statuses as an operator writes them."""

from typing import Any

Json = dict[str, Any]

LIST = "/apis/smtp-operator.io/v1alpha1/namespaces/team-a/smtpconfigs"
EARLIER = "2026-01-31T12:00:00Z"


def condition(kind: str, status: str, reason: str, message: str = "What happened. What to set.") -> Json:
    """Return a condition of generation 1."""
    return {
        "type": kind,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": EARLIER,
        "reason": reason,
        "message": message,
    }


def passed(**more: Any) -> Json:
    """Return the status of a passed test."""
    return {
        "observedGeneration": 1,
        "summary": "TestEmailSent",
        "conditions": [condition("Ready", "True", "TestEmailSent", "Accepted for delivery.")],
        "lastTest": {
            "trigger": "Requested",
            "mode": "SendEmail",
            "startTime": "2026-01-31T12:00:00.000000Z",
            "duration": "412ms",
            "phases": [{"name": "Resolve", "duration": "2ms"}, {"name": "Connect", "duration": "3ms"}],
            "response": "250 2.0.0 queued as 4F1B2",
        },
        "lastSuccessTime": EARLIER,
    } | more


def failed(reason: str = "ConnectTimeout", **more: Any) -> Json:
    """Return the status of a test that failed in Connect."""
    return passed() | {
        "summary": f"{reason} in Connect",
        "conditions": [condition("Ready", "False", reason), condition("Failed", "True", reason)],
        "lastTest": passed()["lastTest"]
        | {"phase": "Connect", "dialogue": ["C: EHLO example.com", "S: 421 later"]},
        **more,
    }


def under_test(phase: str) -> Json:
    """Return the status of a running test; its conditions say the same in a sentence."""
    return passed() | {
        "conditions": [*passed()["conditions"], condition("Reconciling", "True", "Testing", "Any text.")],
        "currentTest": {"trigger": "Requested", "mode": "SendEmail", "phase": phase, "startTime": EARLIER},
    }


def smtp_config(
    status: Json | None = None,
    name: str = "mail",
    *,
    version: int = 1,
    uid: str = "",
    namespace: str = "team-a",
    asked: str | None = None,
    **spec: Any,
) -> Json:
    """Return the object; `asked` is the value of the annotation."""
    annotations = {"smtp-operator.io/test-requested-at": asked} if asked is not None else {}
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": uid or f"uid-of-{name}",
            "generation": 1,
            "resourceVersion": str(version),
            "annotations": annotations,
        },
        "spec": {"server": "smtp.example.com", "port": 587, "password": {"value": "s3cret"}} | spec,
        "status": {"observedGeneration": -1} if status is None else status,
    }


def listed(*items: Json, version: int = 10) -> Json:
    """Return a list of SmtpConfigs."""
    return {"metadata": {"resourceVersion": str(version)}, "items": list(items) or None}
