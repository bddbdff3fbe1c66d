# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp status --vaults`: vault objects, and whether the operator can log in."""

from collections.abc import Callable
from typing import Any

from smtp_operator.cli.kubectl.json_keys import JSON_KEYS
from smtp_testkit.fakeapi import Answer, FakeApi

Smtp = Callable[..., Any]
GROUP = "/apis/smtp-operator.io/v1alpha1"


def vault(name: str, ready: str, summary: str, **metadata: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "reason": summary, "message": f"{summary}."}
    status = {"observedGeneration": 1, "conditions": [condition], "summary": summary}
    return {
        "metadata": {"name": name, "generation": 1, **metadata},
        "status": status | {"provider": "HashiCorpVault"},
    }


def listed(*items: dict[str, Any]) -> Answer:
    return Answer(body={"metadata": {"resourceVersion": "1"}, "items": list(items)})


async def test_the_vaults_of_the_namespace(fake: FakeApi, smtp: Smtp) -> None:
    path = f"{GROUP}/namespaces/team-a/smtpvaults"
    new = {"metadata": {"name": "new", "namespace": "team-a", "generation": 1}}
    fake.on("GET", path, listed(vault("bao", "False", "VaultSealed", namespace="team-a"), new))
    ended = await smtp("status", "--vaults", "--exit-code")
    assert (ended.code, ended.out) == (
        1,
        "VAULT                  PROVIDER         READY     STATUS\n"
        "SmtpVault team-a/bao   HashiCorpVault   False     VaultSealed\n"
        "SmtpVault team-a/new                    Unknown   not tested yet\n",
    )


async def test_the_vaults_of_the_cluster_as_json(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", f"{GROUP}/smtpvaults", listed())
    fake.on("GET", f"{GROUP}/clustersmtpvaults", listed(vault("corp", "True", "LoginSucceeded")))
    ended = await smtp("status", "--vaults", "-A", "-o", "json")
    assert ended.json == {
        "exitCode": 0,
        "items": [
            {
                "kind": "ClusterSmtpVault",
                "namespace": None,
                "name": "corp",
                "provider": "HashiCorpVault",
                "passed": True,
                "reason": "LoginSucceeded",
                "message": "LoginSucceeded.",
                "summary": "LoginSucceeded",
                "nextCheckTime": None,
            }
        ],
    }


async def test_its_json_has_the_keys_of_the_reference(fake: FakeApi, smtp: Smtp) -> None:
    new = {"metadata": {"namespace": "team-a", "name": "new", "generation": 1}}
    fake.on("GET", f"{GROUP}/namespaces/team-a/smtpvaults", listed(new))
    (item,) = (await smtp("status", "--vaults", "-o", "json")).json["items"]
    assert list(item) == list(JSON_KEYS["vault"])


async def test_filters_of_smtpconfigs_do_not_apply(smtp: Smtp) -> None:
    ended = await smtp("status", "mail", "--vaults")
    assert (ended.code, ended.err) == (2, "kubectl smtp: --vaults cannot be combined with NAME or a filter\n")
