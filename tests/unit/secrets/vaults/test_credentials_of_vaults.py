# SPDX-License-Identifier: Apache-2.0
"""The credentials of a vault object go only where their owner allows, and are not kept."""

import json
from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest
import trustme

from smtp_operator.api.errors import ObjectNotFound
from smtp_operator.api.fields import SecretKeyReference, ServiceAccountReference
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.smtpvault import SmtpVaultSpec
from smtp_operator.api.vault_blocks import AzureAuth, AzureKeyVault
from smtp_operator.api.vaultobject import vault_object
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.network.trust import ServerTrust
from smtp_operator.secrets.interfaces import GetObject
from smtp_operator.secrets.vaults.credentials import VaultCredentials
from smtp_testkit.mailpeers.fingerprints import fingerprint
from smtp_testkit.simulation import ObjectStore
from smtp_testkit.simulation.vaults import SimulatedAccounts

SERVERS = "smtp-operator.io/allowed-servers"
VAULT = "https://bao.example.com:8200"
AUTHORITY = "https://login.microsoftonline.com"
CANARY = "c4nary"
CA = trustme.CA().cert_pem.bytes().decode()
TOKEN = SecretKeyReference(name="bao-login", key="token")
MAILER = ServiceAccountReference(name="mailer", audience="vault")
SPEC = {
    "hashiCorpVault": {"url": VAULT, "auth": {"tokenRef": {"name": "bao-login", "key": "token"}}},
    "caRef": {"name": "ca"},
}


def allowing(audiences: Mapping[tuple[str, str], str]) -> GetObject:
    """Reads ServiceAccounts, by namespace and name with what each allows."""

    async def get(reference: Reference) -> JsonObject:
        allowed = audiences.get((reference.namespace, reference.name))
        if allowed is None:
            raise ObjectNotFound(str(reference))
        metadata: JsonObject = {"namespace": reference.namespace, "name": reference.name}
        metadata |= {"uid": "a", "resourceVersion": "9"}
        metadata["annotations"] = {"smtp-operator.io/allowed-audiences": allowed}
        return {"kind": "ServiceAccount", "metadata": metadata}

    return get


class AcceptingAccounts(SimulatedAccounts):
    """An API server that takes tokens of some audience as its own."""

    def __init__(self, audience: str = "", **allowed: str) -> None:
        super().__init__(allowing({("team-a", name): it for name, it in allowed.items()}))
        self.own = audience
        self.asked: list[str] = []

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        self.asked.append(audience)
        return await super().request_token(namespace, name, audience)

    async def opens_api_server(self, token: str) -> bool:
        return bool(self.own) and token.endswith(f"for {self.own}")


def credentials(
    store: ObjectStore, accounts: SimulatedAccounts | None = None, *, required: bool = False
) -> VaultCredentials:
    reference = store.put_vault("SmtpVault", "bao", SPEC)
    return VaultCredentials(
        vault_object("SmtpVault", store.objects[reference]),
        get_object=store.get,
        accounts=accounts or SimulatedAccounts(allowing({})),
        now=lambda: 7.0,
        require_allowed_servers=required,
    )


@pytest.fixture
def store() -> ObjectStore:
    store = ObjectStore()
    store.put("Secret", "bao-login", {"token": CANARY})
    store.put("ConfigMap", "ca", {"ca.crt": "-----BEGIN CERTIFICATE-----"})
    return store


def bind(store: ObjectStore, servers: str) -> None:
    store.annotate(Reference("Secret", "team-a", "bao-login"), **{SERVERS: servers})


async def refused(asked: Any) -> Verdict:
    with pytest.raises(VerdictError) as failed:
        await asked
    return failed.value.verdict


# Where a Secret's value may go: vaults and authorities alike.


@pytest.mark.parametrize(
    ("servers", "goes_to", "may"),
    [
        ("bao.example.com:8200", VAULT, True),
        ("bao.example.com:443", VAULT, False),
        ("smtp.example.com:587, bao.example.com:8200", VAULT, True),
        ("smtp.example.com:587", VAULT, False),
        ("*.example.com:8200", VAULT, True),
        ("bao.example.com:8200,login.microsoftonline.com:443", AUTHORITY, True),
        ("bao.example.com:8200,login.microsoftonline.com:443", f"{AUTHORITY}/", True),
        ("bao.example.com:8200", AUTHORITY, False),
        ("login.microsoftonline.com:443", AUTHORITY, False),  # what the login gives goes to the vault
        (
            "bao.example.com:8200,login.microsoftonline.com:443",
            "https://login.microsoftonline.com.evil.example",
            False,
        ),
        ("bao.example.com:8200,[2001:db8::1]:8200", "https://[2001:db8::1]:8200", True),
        ("*:*", VAULT, True),
        ("", VAULT, False),
    ],
)
async def test_a_value_goes_where_its_secret_lets_it(
    store: ObjectStore, servers: str, goes_to: str, may: bool
) -> None:
    bind(store, servers)
    asked = credentials(store).secret(TOKEN, goes_to=goes_to, field_path="f")
    if may:
        assert await asked == CANARY
    else:
        verdict = await refused(asked)
        assert verdict.reason == "ServerNotAllowed"
        assert CANARY not in verdict.message


async def test_a_vault_that_is_not_allowed_is_named_with_both_ways_out(store: ObjectStore) -> None:
    bind(store, "smtp.example.com:587")
    verdict = await refused(credentials(store).secret(TOKEN, goes_to=VAULT, field_path="f"))
    assert verdict.message == (
        "Secret team-a/bao-login, which SmtpVault team-a/bao uses to log in, does not allow server"
        f" bao.example.com:8200. Ask its owner to add it to the annotation {SERVERS}, or set the URLs of"
        " SmtpVault team-a/bao to entries of the annotation."
    )


async def test_without_the_annotation_it_is_up_to_the_operators_flag(store: ObjectStore) -> None:
    assert await credentials(store).secret(TOKEN, goes_to=VAULT, field_path="f") == CANARY
    verdict = await refused(credentials(store, required=True).secret(TOKEN, goes_to=VAULT, field_path="f"))
    assert verdict.reason == "ServerNotAllowed"


# What a ServiceAccount's token may be asked for.


async def test_a_token_is_asked_for_an_audience_that_its_owner_allows(store: ObjectStore) -> None:
    accounts = AcceptingAccounts(mailer="other, vault")
    token = await credentials(store, accounts).service_account_token(MAILER, goes_to=VAULT, field_path="f")
    assert token == "token of team-a/mailer for vault"


@pytest.mark.parametrize("allowed", ["", "other", "vault2", "VAULT", "*"])
async def test_no_token_is_asked_for_another_audience(store: ObjectStore, allowed: str) -> None:
    accounts = AcceptingAccounts(mailer=allowed)
    verdict = await refused(
        credentials(store, accounts).service_account_token(MAILER, goes_to=VAULT, field_path="f")
    )
    assert verdict.reason == "AudienceNotAllowed"
    assert accounts.asked == []


async def test_a_token_that_opens_the_api_server_is_never_sent(store: ObjectStore) -> None:
    """Regardless of the owner's annotations."""
    accounts = AcceptingAccounts("vault", mailer="vault")
    verdict = await refused(
        credentials(store, accounts).service_account_token(MAILER, goes_to=VAULT, field_path="f")
    )
    assert verdict.reason == "AudienceNotAllowed"
    assert verdict.message == (
        'A token for audience "vault" would also open the API server, so the operator does not send it.'
        " Set f.audience of SmtpVault team-a/bao to the audience that the vault expects."
    )


async def test_a_service_account_may_be_bound_to_servers_too(store: ObjectStore) -> None:
    accounts = AcceptingAccounts(mailer="vault")
    verdict = await refused(
        credentials(store, accounts, required=True).service_account_token(
            MAILER, goes_to=VAULT, field_path="f"
        )
    )
    assert (verdict.reason, accounts.asked) == ("ServerNotAllowed", [])


async def test_a_service_account_of_another_namespace_is_out_of_a_namespaced_objects_reach(
    store: ObjectStore,
) -> None:
    accounts = SimulatedAccounts(allowing({("team-b", "mailer"): "vault"}))
    verdict = await refused(
        credentials(store, accounts).service_account_token(MAILER, goes_to=VAULT, field_path="f")
    )
    assert verdict.reason == "ServiceAccountNotFound"


# The operator's own identity.


def test_a_namespaced_object_has_no_field_for_the_operators_own_identity() -> None:
    assert set(AzureAuth.model_fields) == {"service_principal", "workload_identity"}
    assert get_type_hints(AzureKeyVault)["auth"] is AzureAuth
    assert "managedIdentity" not in json.dumps(SmtpVaultSpec.model_json_schema())


# What is kept.


async def test_nothing_is_kept_but_which_version_was_read(store: ObjectStore) -> None:
    read = credentials(store)
    await read.secret(TOKEN, goes_to=VAULT, field_path="f")
    await read.trust()
    assert {str(reference): it.data_keys for reference, it in read.read_objects.items()} == {
        "Secret team-a/bao-login": ("token",),
        "ConfigMap team-a/ca": ("ca.crt",),
    }
    assert {key for it in read.read_objects.values() for key in it.object_ or {}} == {"kind", "metadata"}
    assert {it.at for it in read.read_objects.values()} == {7.0}
    assert CANARY not in repr(vars(read))


async def test_what_was_missing_is_remembered_as_missing(store: ObjectStore) -> None:
    read = credentials(store)
    missing = SecretKeyReference(name="other", key="token")
    assert (await refused(read.secret(missing, goes_to=VAULT, field_path="f"))).reason == "SecretNotFound"
    assert read.read_objects[Reference("Secret", "team-a", "other")].object_ is None


async def test_which_version_of_a_service_account_was_looked_at_is_remembered(store: ObjectStore) -> None:
    """A change of it is one of the login."""
    mailer = Reference("ServiceAccount", "team-a", "mailer")
    read = credentials(store, AcceptingAccounts(mailer="vault"))
    await read.service_account_token(MAILER, goes_to=VAULT, field_path="f")
    assert (read.read_objects[mailer].object_ or {})["metadata"]["resourceVersion"] == "9"

    missing = credentials(store)
    await refused(missing.service_account_token(MAILER, goes_to=VAULT, field_path="f"))
    assert missing.read_objects[mailer].object_ is None


async def test_it_is_read_again_each_time(store: ObjectStore) -> None:
    read = credentials(store)
    await read.secret(TOKEN, goes_to=VAULT, field_path="f")
    store.put("Secret", "bao-login", {"token": "rotated"})
    assert await read.secret(TOKEN, goes_to=VAULT, field_path="f") == "rotated"


# Who verifies the vault.


async def test_an_edited_config_map_does_not_redirect_a_bound_login(store: ObjectStore) -> None:
    store.put("ConfigMap", "ca", {"ca.crt": CA})
    bind(store, "bao.example.com:8200")
    read = credentials(store)
    await read.secret(TOKEN, goes_to=VAULT, field_path="f")

    trust = await read.trust()

    assert (trust.ca_pem, trust.absolute_name) == (None, True)
    assert trust.not_admitted is not None
    assert trust.not_admitted.owner == "Secret team-a/bao-login"
    assert trust.not_admitted.field == "caRef of SmtpVault team-a/bao"
    assert trust.not_admitted.fingerprints == (fingerprint(CA),)


async def test_its_owner_may_admit_the_ca(store: ObjectStore) -> None:
    store.put("ConfigMap", "ca", {"ca.crt": CA})
    login = Reference("Secret", "team-a", "bao-login")
    store.annotate(login, **{SERVERS: "bao.example.com:8200", "smtp-operator.io/allowed-ca": fingerprint(CA)})

    trust = await credentials(store).trust()

    assert trust == ServerTrust(ca_pem=CA, absolute_name=True)


async def test_a_bound_login_counts_before_it_is_read(store: ObjectStore) -> None:
    store.put("ConfigMap", "ca", {"ca.crt": CA})
    bind(store, "bao.example.com:8200")

    assert (await credentials(store).trust()).not_admitted is not None


async def test_a_login_that_nothing_binds_keeps_its_ca_ref(store: ObjectStore) -> None:
    store.put("ConfigMap", "ca", {"ca.crt": CA})

    assert await credentials(store).trust() == ServerTrust(ca_pem=CA)


async def test_a_missing_login_is_reported_by_the_read(store: ObjectStore) -> None:
    store.put("ConfigMap", "ca", {"ca.crt": CA})
    del store.objects[Reference("Secret", "team-a", "bao-login")]

    assert await credentials(store).trust() == ServerTrust(ca_pem=CA)
