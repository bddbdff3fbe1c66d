# SPDX-License-Identifier: Apache-2.0
"""Values read with a vault's login go only where the annotation of that login allows.

The attack: a user may use a vault object, or make one that names a login which others may use as well, and
has a password that this login can read sent to their own mail server.
"""

import copy
from typing import Any

import pytest

from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.password import Password
from smtp_operator.api.smtpvault import Provider
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.secrets.interfaces import Destination, ResolvedPassword
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_operator.secrets.vaults.password_source import VaultPasswords
from smtp_operator.secrets.vaults.provider import VaultContext, VaultSecret
from smtp_testkit.simulation import ObjectStore
from smtp_testkit.simulation.vaults import NoHttps, SimulatedAccounts

SERVERS = "smtp-operator.io/allowed-servers"
AUDIENCES = "smtp-operator.io/allowed-audiences"
KEY = {"name": "login", "key": "key"}
ACCOUNT = {"name": "login", "audience": "vault"}
APPLICATION = {"tenantId": "t", "clientId": "c"}

MAIL = Destination(server="smtp.example.com", port=587, verified_tls=True)
EVIL = Destination(server="smtp.evil.example", port=587, verified_tls=True)


def azure(auth: JsonObject) -> JsonObject:
    return {"azureKeyVault": {"vaultUrl": "https://corp.vault.azure.net", "auth": auth}}


def conjur(auth: JsonObject) -> JsonObject:
    return {"cyberArkConjur": {"url": "https://vault.example.com:8443", "account": "prod", "auth": auth}}


def bao(auth: JsonObject) -> JsonObject:
    return {"hashiCorpVault": {"url": "https://vault.example.com:8443", "auth": auth}}


LOGINS: dict[str, tuple[JsonObject, str]] = {
    "client secret": (azure({"servicePrincipal": {**APPLICATION, "clientSecretRef": KEY}}), "Secret"),
    "certificate": (
        azure({"servicePrincipal": {**APPLICATION, "certificateRef": {"name": "login"}}}),
        "Secret",
    ),
    "workload identity": (
        azure({"workloadIdentity": {**APPLICATION, "serviceAccountRef": ACCOUNT}}),
        "ServiceAccount",
    ),
    "CCP certificate": (
        {
            "cyberArkCCP": {
                "url": "https://vault.example.com:8443",
                "appId": "mail",
                "clientCertificateRef": {"name": "login"},
            }
        },
        "Secret",
    ),
    "API key": (conjur({"apiKey": {"login": "host/mail", "apiKeyRef": KEY}}), "Secret"),
    "Conjur token": (conjur({"jwt": {"serviceId": "k", "serviceAccountRef": ACCOUNT}}), "ServiceAccount"),
    "AppRole secretId": (bao({"appRole": {"roleId": "r", "secretIdRef": KEY}}), "Secret"),
    "token": (bao({"tokenRef": KEY}), "Secret"),
    "Vault token": (bao({"jwt": {"role": "mail", "serviceAccountRef": ACCOUNT}}), "ServiceAccount"),
}
"""The spec of a vault object for each way to log in, and what its login is."""

ITEMS: dict[str, JsonObject] = {
    "azureKeyVault": {"azureKeyVault": {"secretName": "smtp"}},
    "cyberArkCCP": {"cyberArk": {"safe": "Mail", "object": "smtp"}},
    "cyberArkConjur": {"cyberArk": {"variable": "prod/smtp"}},
    "hashiCorpVault": {"hashiCorpVault": {"path": "mail/smtp"}},
}
PLACES = {
    "azureKeyVault": ("login.microsoftonline.com:443", "corp.vault.azure.net:443"),
    "cyberArkCCP": ("vault.example.com:8443",),
    "cyberArkConjur": ("vault.example.com:8443",),
    "hashiCorpVault": ("vault.example.com:8443",),
}


class RecordingVault:
    """A vault that gives everything, and remembers that it was asked."""

    def __init__(self) -> None:
        self.reads = 0

    def client(self, block: Any, context: VaultContext) -> "RecordingVault":
        return self

    async def read(self, item: object) -> VaultSecret:
        self.reads += 1
        return VaultSecret(value="s3cret")

    async def check(self) -> str:
        return "Logged in."

    async def close(self) -> None:
        """Do nothing: nothing is kept."""


class VaultWithLogin:
    """A vault object, its login, and its vault."""

    def __init__(self, how: str, *, cluster_wide: bool = False, required: bool = False) -> None:
        spec, kind = copy.deepcopy(LOGINS[how])
        (self.block,) = spec
        self.store, self.vault = ObjectStore(), RecordingVault()
        self.login = Reference("Secret" if kind == "Secret" else "ServiceAccount", "team-a", "login")
        self.store.put(self.login.kind, "login", {})
        self.bind(None)
        spec["allowedServers"] = ["*:*"]
        vault_kind = "SmtpVault"
        if cluster_wide:
            vault_kind = "ClusterSmtpVault"
            spec["allowedNamespaces"] = {"matchNames": ["team-a"]}
            _put_namespace(spec)
        self.store.put_vault("ClusterSmtpVault" if cluster_wide else "SmtpVault", "corp", spec)
        self.name = "ClusterSmtpVault corp" if cluster_wide else "SmtpVault team-a/corp"
        item = copy.deepcopy(ITEMS[self.block])
        next(iter(item.values()))["vaultRef"] = {"kind": vault_kind, "name": "corp"}
        self.password = Password.model_validate(item)
        self.vaults = VaultClients(
            get_object=self.store.get,
            accounts=SimulatedAccounts(self.store.get),
            https=NoHttps(),
            monotonic=lambda: 0.0,
            now=lambda: 0.0,
            require_allowed_servers=required,
            providers=dict.fromkeys(Provider, self.vault.client),
        )

    def bind(self, servers: str | None) -> None:
        """Annotates the login."""
        bound = {} if servers is None else {SERVERS: servers}
        self.store.annotate(self.login, **{AUDIENCES: "vault"}, **bound)

    async def read(self, to: Destination = MAIL) -> ResolvedPassword:
        return await VaultPasswords(self.store.values, self.vaults, to).resolve(self.password, "team-a")

    async def refused(self, to: Destination = MAIL) -> Verdict:
        with pytest.raises(VerdictError) as failed:
            await self.read(to)
        assert self.vault.reads == 0
        return failed.value.verdict


def _put_namespace(spec: JsonObject) -> None:
    for name, value in spec.items():
        if name.endswith("Ref"):
            value["namespace"] = "team-a"
        elif isinstance(value, dict):
            _put_namespace(value)


every_login = pytest.mark.parametrize("how", LOGINS)
both_kinds = pytest.mark.parametrize("cluster_wide", [False, True], ids=["SmtpVault", "ClusterSmtpVault"])


@every_login
@both_kinds
async def test_a_password_read_through_a_bound_login_is_not_sent_to_another_mail_server(
    how: str, cluster_wide: bool
) -> None:
    bench = VaultWithLogin(how, cluster_wide=cluster_wide)
    bench.bind(",".join((*PLACES[bench.block], "smtp.example.com:587")))
    assert (await bench.read()).value == "s3cret"
    bench.vault.reads = 0
    verdict = await bench.refused(EVIL)
    assert (verdict.reason, verdict.message) == (
        "ServerNotAllowed",
        f"{bench.login}, which {bench.name} uses to log in, does not allow server smtp.evil.example:587."
        f" Ask its owner to add it to the annotation {SERVERS}, or set server and port to an entry of the"
        " annotation.",
    )


@every_login
@both_kinds
async def test_a_bound_login_is_not_used_for_a_vault_that_it_does_not_list(
    how: str, cluster_wide: bool
) -> None:
    bench = VaultWithLogin(how, cluster_wide=cluster_wide)
    for missing in PLACES[bench.block]:
        listed = [place for place in PLACES[bench.block] if place != missing]
        bench.bind(",".join((*listed, "smtp.example.com:587")))
        verdict = await bench.refused()
        assert (verdict.reason, verdict.message) == (
            "ServerNotAllowed",
            f"{bench.login}, which {bench.name} uses to log in, does not allow server {missing}. Ask its"
            f" owner to add it to the annotation {SERVERS}, or set the URLs of {bench.name} to entries of"
            " the annotation.",
        )


@every_login
async def test_a_password_read_through_a_bound_login_is_not_sent_in_plaintext(how: str) -> None:
    bench = VaultWithLogin(how)
    bench.bind("*:*")
    verdict = await bench.refused(Destination(server="smtp.example.com", port=587, verified_tls=False))
    assert verdict.reason == "ServerNotAllowed"
    assert verdict.message.endswith("Set smtpType: StartTLS or TLS, and tls.insecureSkipVerify: false.")


@every_login
@both_kinds
async def test_an_unbound_login_is_of_no_use_where_the_operator_requires_allowed_servers(
    how: str, cluster_wide: bool
) -> None:
    """ServiceAccounts are asked for it as Secrets are. The message names every place that is needed."""
    bench = VaultWithLogin(how, cluster_wide=cluster_wide, required=True)
    verdict = await bench.refused()
    needed = ",".join((*PLACES[bench.block], "smtp.example.com:587"))
    assert (verdict.reason, verdict.message) == (
        "ServerNotAllowed",
        f"{bench.login}, which {bench.name} uses to log in, does not say where its values may be sent,"
        " which the operator requires (--require-allowed-servers). Ask its owner to add the annotation"
        f" {SERVERS}: {needed}",
    )
    bench.bind(needed)
    assert (await bench.read()).value == "s3cret"


@every_login
async def test_a_login_that_is_kept_does_not_outlive_what_its_annotation_allows(how: str) -> None:
    bench = VaultWithLogin(how)
    assert (await bench.read(EVIL)).value == "s3cret"
    bench.vault.reads = 0
    bench.bind(",".join((*PLACES[bench.block], "smtp.example.com:587")))
    assert (await bench.refused(EVIL)).reason == "ServerNotAllowed"
    del bench.store.objects[bench.login]
    missing = "SecretNotFound" if bench.login.kind == "Secret" else "ServiceAccountNotFound"
    assert (await bench.refused(EVIL)).reason == missing


@every_login
async def test_a_refusal_stands_on_the_login_that_was_judged(how: str) -> None:
    """So that an edit of its annotation starts the next test, and nothing else does."""
    bench = VaultWithLogin(how)
    bench.bind("elsewhere.example:443")
    values = bench.store.values
    with pytest.raises(VerdictError):
        await VaultPasswords(values, bench.vaults, MAIL).resolve(bench.password, "team-a")
    judged = values.login_objects[bench.login].object_
    assert judged is not None
    assert judged["metadata"] == bench.store.objects[bench.login]["metadata"]


async def test_a_managed_identity_is_bound_by_its_vault_object_alone() -> None:
    bench = VaultWithLogin("client secret", cluster_wide=True, required=True)
    vault = bench.store.objects[Reference("ClusterSmtpVault", "", "corp")]
    vault["spec"]["azureKeyVault"]["auth"] = {"managedIdentity": {}}
    vault["spec"]["allowedServers"] = ["smtp.example.com:587"]
    assert (await bench.read()).value == "s3cret"
    bench.vault.reads = 0
    verdict = await bench.refused(EVIL)
    assert verdict.message.startswith("ClusterSmtpVault corp does not allow its passwords to be sent to")
