# SPDX-License-Identifier: Apache-2.0
"""States of our objects, and how to bring an object into each on a real API server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.testbed import Api, Bed
from smtp_testkit.testbed.bed import settings
from smtp_testkit.testbed.vaults import CLUSTER_WIDE, vault, vaults

Json = dict[str, Any]


@dataclass(frozen=True)
class ScenarioEnvironment:
    """The environment of a scenario."""

    bed: Bed
    server: MailServer
    bao: OpenBao
    api: Api


@dataclass(frozen=True)
class Scenario:
    """A state of one kind; `play` brings an object into it and returns the object."""

    kind: str
    name: str
    health: str
    """The health that Argo CD must show."""
    play: Callable[[ScenarioEnvironment], Json]

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


def _new(stage: ScenarioEnvironment) -> Json:
    stage.server.unanswered = {"RCPT"}
    return stage.bed.create(stage.server).object


def _testing(stage: ScenarioEnvironment) -> Json:
    stage.server.unanswered = {"RCPT"}
    stage.bed.create(stage.server)
    return stage.bed.wait(lambda it: it.reason == "Testing").object


def _passed(stage: ScenarioEnvironment) -> Json:
    return stage.bed.verdict_of(stage.server).object


def _changed(stage: ScenarioEnvironment) -> Json:
    stage.bed.verdict_of(stage.server)
    stage.server.unanswered = {"RCPT"}
    return stage.bed.change(recipients={"to": ["second@example.com"]}).object


def _requested(stage: ScenarioEnvironment) -> Json:
    stage.bed.verdict_of(stage.server)
    stage.server.unanswered = {"RCPT"}
    stage.bed.ask("by Argo CD")
    return stage.bed.wait(lambda it: it.conditions.get("Reconciling") == "Testing", seconds=40).object


def _retried(stage: ScenarioEnvironment) -> Json:
    stage.server.replies["MAIL"] = "451 4.3.0 later"
    return stage.bed.verdict_of(stage.server).object


def _outage(stage: ScenarioEnvironment) -> Json:
    stage.bed.verdict_of(stage.server)
    stage.server.replies["MAIL"] = "451 4.3.0 later"
    return stage.bed.test_again().object


def _waits_for_secret(stage: ScenarioEnvironment) -> Json:
    login = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
    return stage.bed.verdict_of(stage.server, **login).object


def _refused(stage: ScenarioEnvironment) -> Json:
    return stage.bed.verdict_of(stage.server, smtpType="TLS").object


def _suspended(stage: ScenarioEnvironment) -> Json:
    return stage.bed.verdict_of(stage.server, suspend=True).object


def _suspended_later(stage: ScenarioEnvironment) -> Json:
    stage.bed.verdict_of(stage.server)
    stage.bed.change(suspend=True)
    return stage.bed.verdict().object


def _judged(object_: Json) -> bool:
    return bool(object_["status"].get("observedGeneration") == object_["metadata"]["generation"])


def _once(stage: ScenarioEnvironment, ready: tuple[str, ...], **spec: Any) -> Json:
    stage.bed.create_test("try", settings=settings(stage.server, **spec))
    return stage.api.wait(stage.bed.tests, "try", lambda it: _ready(it) in ready)


def _ready(object_: Json) -> str:
    found = [it for it in object_["status"].get("conditions", ()) if it["type"] == "Ready"]
    return str(found[0]["status"]) if found else ""


def _tested_once(stage: ScenarioEnvironment) -> Json:
    return _once(stage, ("True", "False"))


def _tested_in_vain(stage: ScenarioEnvironment) -> Json:
    return _once(stage, ("True", "False"), smtpType="TLS")


def _tested_now(stage: ScenarioEnvironment) -> Json:
    stage.server.unanswered = {"RCPT"}
    return _once(stage, ("Unknown",))


def _vault(stage: ScenarioEnvironment, kind: str, **spec: Any) -> Json:
    collection = CLUSTER_WIDE if kind == "ClusterSmtpVault" else vaults(stage.bed)
    name = f"corp-{stage.bed.namespace}" if kind == "ClusterSmtpVault" else "corp"
    if kind == "ClusterSmtpVault":
        spec |= {"allowedServers": ["smtp.example.com:587"]}
    stage.api.create(collection, vault(stage.bed, stage.bao, kind, name, **spec))
    try:
        return stage.api.wait(collection, name, _judged)
    finally:
        stage.api.delete(f"{collection}/{name}")


def _logged_in(kind: str) -> Callable[[ScenarioEnvironment], Json]:
    return lambda stage: _vault(stage, kind)


def _login_missing(kind: str) -> Callable[[ScenarioEnvironment], Json]:
    def play(stage: ScenarioEnvironment) -> Json:
        there = {"namespace": stage.bed.namespace} if kind == "ClusterSmtpVault" else {}
        token = {"name": "missing", "key": "token", **there}
        return _vault(stage, kind, hashiCorpVault={"url": stage.bao.url, "auth": {"tokenRef": token}})

    return play


def _login_refused(kind: str) -> Callable[[ScenarioEnvironment], Json]:
    def play(stage: ScenarioEnvironment) -> Json:
        there = {"namespace": stage.bed.namespace} if kind == "ClusterSmtpVault" else {}
        stage.bed.secret("of-nobody", token="hvs.of-nobody")
        token = {"name": "of-nobody", "key": "token", **there}
        return _vault(stage, kind, hashiCorpVault={"url": stage.bao.url, "auth": {"tokenRef": token}})

    return play


def _unreachable(kind: str) -> Callable[[ScenarioEnvironment], Json]:
    def play(stage: ScenarioEnvironment) -> Json:
        there = {"namespace": stage.bed.namespace} if kind == "ClusterSmtpVault" else {}
        token = {"name": "bao-login", "key": "token", **there}
        provider = {"url": "https://127.0.0.1:9", "auth": {"tokenRef": token}}
        return _vault(stage, kind, hashiCorpVault=provider)

    return play


SCENARIOS: Final = (
    Scenario("SmtpConfig", "new", "Progressing", _new),
    Scenario("SmtpConfig", "testing", "Progressing", _testing),
    Scenario("SmtpConfig", "passed", "Healthy", _passed),
    Scenario("SmtpConfig", "changed", "Progressing", _changed),
    Scenario("SmtpConfig", "requested", "Progressing", _requested),
    Scenario("SmtpConfig", "retried", "Progressing", _retried),
    Scenario("SmtpConfig", "outage", "Degraded", _outage),
    Scenario("SmtpConfig", "waits-for-secret", "Progressing", _waits_for_secret),
    Scenario("SmtpConfig", "refused", "Degraded", _refused),
    Scenario("SmtpConfig", "suspended", "Suspended", _suspended),
    Scenario("SmtpConfig", "suspended-later", "Healthy", _suspended_later),
    Scenario("SmtpTest", "testing", "Progressing", _tested_now),
    Scenario("SmtpTest", "passed", "Healthy", _tested_once),
    Scenario("SmtpTest", "refused", "Degraded", _tested_in_vain),
    *(
        Scenario(kind, name, health, play(kind))
        for kind in ("SmtpVault", "ClusterSmtpVault")
        for name, health, play in (
            ("logged-in", "Healthy", _logged_in),
            ("login-missing", "Progressing", _login_missing),
            ("login-refused", "Degraded", _login_refused),
            ("unreachable", "Degraded", _unreachable),
        )
    ),
)
