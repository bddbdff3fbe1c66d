# SPDX-License-Identifier: Apache-2.0
"""Whether values may be published, and the annotations that the published copy carries."""

from typing import Any

import pytest

from smtp_operator.api.objects import JsonObject
from smtp_operator.api.verdict import VerdictError
from smtp_operator.secrets.publishing import carried_annotations, check_consent
from smtp_testkit.simulation import ObjectStore

SERVERS = "smtp-operator.io/allowed-servers"
CA = "smtp-operator.io/allowed-ca"
ALLOW = "smtp-operator.io/allow-publish"


def holder(kind: str = "Secret", **annotations: str) -> JsonObject:
    names = {"servers": SERVERS, "ca": CA, "allow": ALLOW}
    metadata = {"namespace": "team-a", "name": "smtp-password"}
    written = {names[name]: value for name, value in annotations.items()}
    return {"kind": kind, "metadata": {**metadata, "annotations": written}}


def vault(kind: str = "SmtpVault", **spec: Any) -> JsonObject:
    token: JsonObject = {"name": "bao-login", "key": "token"}
    metadata: JsonObject = {"name": "bao", "uid": "v", "generation": 1}
    if kind == "SmtpVault":
        metadata["namespace"] = "team-a"
    else:
        token["namespace"] = "vaults"
    block = {"url": "https://bao.example.com", "auth": {"tokenRef": token}}
    sound = {"hashiCorpVault": block, "allowedServers": ["smtp.example.com:587"]}
    return {"kind": kind, "metadata": metadata, "spec": {**sound, **spec}}


NAMED = {"matchNames": ["team-a"]}
LABELED = {"matchLabels": {"publish": "yes"}}
ALLOWED = {
    "an unbound Secret": holder(),
    "a bound Secret with consent": holder(servers="smtp.example.com:587", allow="true"),
    "a bound ServiceAccount with consent": holder("ServiceAccount", servers="a:1", allow="true"),
    "a SmtpVault with consent": vault(allowPublish=True),
    "a ClusterSmtpVault that names the namespace": vault("ClusterSmtpVault", publishNamespaces=NAMED),
    "a ClusterSmtpVault that names all": vault("ClusterSmtpVault", publishNamespaces={"matchNames": ["*"]}),
    "a ClusterSmtpVault that matches its labels": vault("ClusterSmtpVault", publishNamespaces=LABELED),
}
REFUSED = {
    "a bound Secret": (holder(servers="smtp.example.com:587"), "Secret team-a/smtp-password is bound"),
    "one that is bound to all servers": (holder(servers="*:*"), "Secret team-a/smtp-password is bound"),
    "consent that is not true": (holder(servers="a:1", allow="yes"), 'allow-publish: "true"'),
    "consent in another case": (holder(servers="a:1", allow="True"), 'allow-publish: "true"'),
    "a bound ServiceAccount": (
        holder("ServiceAccount", servers="a:1"),
        "ServiceAccount team-a/smtp-password",
    ),
    "a SmtpVault": (vault(), "SmtpVault team-a/bao does not allow its passwords to be published"),
    "a SmtpVault that refuses": (vault(allowPublish=False), "Ask its owner to set allowPublish: true"),
    "a ClusterSmtpVault": (vault("ClusterSmtpVault"), "ClusterSmtpVault bao does not allow"),
    "one that allows only use": (
        vault("ClusterSmtpVault", allowedNamespaces=NAMED),
        "in namespace team-a. Ask the cluster admin to add it to spec.publishNamespaces.matchNames",
    ),
    "one that names another namespace": (
        vault("ClusterSmtpVault", publishNamespaces={"matchNames": ["team-b"]}),
        "in namespace team-a",
    ),
    "an invalid vault object": (vault(allowPublish=True, hashiCorpVault=None), "is invalid"),
}


@pytest.fixture
def store() -> ObjectStore:
    store = ObjectStore()
    store.label_namespace("team-a", publish="yes")
    return store


@pytest.mark.parametrize("it", ALLOWED.values(), ids=ALLOWED.keys())
async def test_consent(store: ObjectStore, it: JsonObject) -> None:
    await check_consent([it], "team-a", store.get)


@pytest.mark.parametrize(("it", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_no_consent(store: ObjectStore, it: JsonObject, words: str) -> None:
    with pytest.raises(VerdictError) as error:
        await check_consent([holder(), it], "team-a", store.get)
    assert error.value.verdict.reason == "PublishNotAllowed"
    assert words in error.value.verdict.message


async def test_labels_that_cannot_be_read_allow_nothing(store: ObjectStore) -> None:
    store.locked.update(list(store.objects))
    with pytest.raises(VerdictError) as error:
        await check_consent([vault("ClusterSmtpVault", publishNamespaces=LABELED)], "team-a", store.get)
    assert error.value.verdict.reason == "PublishNotAllowed"
    assert "add the namespace to spec.publishNamespaces.matchNames there" in error.value.verdict.message


def carried(*holders: JsonObject) -> dict[str, str]:
    return carried_annotations(holders, server="smtp.example.com", port=587)


A, B, C = "a" * 64, "b" * 64, "c" * 64
CARRIED = {
    "nothing without bindings": ([holder(), vault(allowedServers=["*:*"])], {}),
    "that of the only one": ([holder(servers="a:1, b:2")], {SERVERS: "a:1,b:2"}),
    "that of the bound one": ([holder(), holder(servers="a:1")], {SERVERS: "a:1"}),
    "all servers, if that was said": ([holder(servers="*:*"), holder()], {SERVERS: "*:*"}),
    "what both have": ([holder(servers="a:1,b:2"), holder(servers="b:2,c:3")], {SERVERS: "b:2"}),
    "the narrower pattern": (
        [holder(servers="*.example.com:587"), holder(servers="smtp.example.com:587,x:1")],
        {SERVERS: "smtp.example.com:587"},
    ),
    "equal patterns": ([holder(servers="*.b.c:1"), holder(servers="*.b.c:1")], {SERVERS: "*.b.c:1"}),
    "no pattern of two labels": ([holder(servers="*.c:1"), holder(servers="*.b.c:1")], {SERVERS: ""}),
    "IPv6": ([holder(servers="[2001:db8::1]:25"), holder(servers="[2001:DB8:0::1]:25")], None),
    "nothing in common": ([holder(servers="a:1"), holder(servers="b:2")], {SERVERS: ""}),
    "a vault's list": ([vault(allowedServers=["a:1", "*.b:2"])], {SERVERS: "a:1,*.b:2"}),
    "any host of a vault": ([vault(allowedServers=["*:587"])], {SERVERS: "smtp.example.com:587"}),
    "any port of a vault": ([vault(allowedServers=["a:*"])], {SERVERS: "a:587"}),
    "login and vault": (
        [vault(), holder(servers="bao.example.com:443,smtp.example.com:587")],
        {SERVERS: "smtp.example.com:587"},
    ),
    "the CAs that all admit": (
        [holder(servers="a:1", ca=f"{A},{B}"), holder(servers="a:1", ca=f"{B}, {C}")],
        {SERVERS: "a:1", CA: B},
    ),
    "no CA that one does not admit": ([holder(servers="a:1", ca=A), holder(servers="a:1")], {SERVERS: "a:1"}),
    "no CA of an unbound one": ([holder(ca=A)], {}),
    "never the consent": ([holder(servers="a:1", allow="true")], {SERVERS: "a:1"}),
}


@pytest.mark.parametrize(("holders", "expected"), CARRIED.values(), ids=CARRIED.keys())
def test_the_copy_is_bound_as_its_sources(holders: list[JsonObject], expected: dict[str, str] | None) -> None:
    found = carried(*holders)
    if expected is None:
        assert found[SERVERS].lower().count("2001:db8") >= 1
    else:
        assert found == expected
