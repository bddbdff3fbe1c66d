# SPDX-License-Identifier: Apache-2.0
"""Only the allowed references of a cluster-wide vault can be read, in any spelling."""

import posixpath
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from smtp_operator.api.password import CyberArkPassword, HashiCorpVaultPassword, Password
from smtp_operator.api.status import PasswordStatus
from smtp_operator.api.vaultobject import VaultObject, vault_object
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.network.trust import ServerTrust
from smtp_operator.secrets.interfaces import Destination
from smtp_operator.secrets.vaults.access import check_use
from smtp_operator.secrets.vaults.hashicorp.client import client
from smtp_operator.secrets.vaults.https_client import VaultHttps
from smtp_operator.secrets.vaults.password_source import described
from smtp_operator.secrets.vaults.provider import VaultContext
from smtp_testkit.simulation import ObjectStore

SERVER = Destination(server="smtp.example.com", port=587, verified_tls=True)
VAULT = {"vaultRef": {"kind": "ClusterSmtpVault", "name": "corp"}}
KEY = {"name": "login", "key": "key", "namespace": "vaults"}
CCP = {"cyberArkCCP": {"url": "https://ccp.example.com", "appId": "mail"}}
CONJUR = {
    "cyberArkConjur": {
        "url": "https://conjur.example.com",
        "account": "prod",
        "auth": {"apiKey": {"login": "host/mail", "apiKeyRef": KEY}},
    }
}
BAO = {"hashiCorpVault": {"url": "https://bao.example.com", "auth": {"tokenRef": KEY}}}

WAYS_UP = [".", "..", "%2e", "%2E", "%252e", "%2f", "%5c", "\\", "/", "//"]
PIECES = ["Mail", "mail", "smtp", "Other", "*", "?", "#", *WAYS_UP]
"""Parts of names that try to reach another object."""

names = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), min_size=1, max_size=8).map("".join)


def vault(spec: dict[str, Any], *allowed: str) -> VaultObject:
    everybody = {"allowedServers": ["*:*"], "allowedNamespaces": {"matchNames": ["*"]}}
    metadata = {"name": "corp", "uid": "u", "generation": 1}
    body = {"metadata": metadata, "spec": spec | everybody | {"allowedReferences": list(allowed)}}
    return vault_object("ClusterSmtpVault", body)


async def refusal(of: VaultObject, block: str, **item: str) -> Verdict | None:
    """None: it may be read."""
    password = Password.model_validate({block: VAULT | item}).vault_item
    assert password is not None
    try:
        await check_use(
            of,
            password,
            namespace="team-a",
            destination=SERVER,
            get_object=ObjectStore().get,
        )
    except VerdictError as error:
        return error.verdict
    return None


def meant(path: str) -> str:
    """As the most obliging of servers takes a path: unescaped to the end, all slashes alike, ways up gone."""
    while (plain := unquote(path)) != path:
        path = plain
    return posixpath.normpath(path.replace("\\", "/"))


def valid(model: type[Any], **fields: str) -> bool:
    try:
        model.model_validate(VAULT | fields)
    except ValidationError:
        return False
    return True


# Conjur.


@settings(deadline=None)
@given(names)
async def test_no_variable_leads_out_of_what_is_allowed(name: str) -> None:
    if valid(CyberArkPassword, variable=name) and not await refusal(
        vault(CONJUR, "Mail/*"), "cyberArk", variable=name
    ):
        assert meant(name).startswith("Mail/") or meant(name) == "Mail"


@pytest.mark.parametrize(
    "name",
    [
        "Mail/../Other/smtp",
        "Mail/./../Other/smtp",
        "Mail/%2e%2e/Other/smtp",
        "Mail/%252e%252e/Other/smtp",
        "Mail/..%2fOther",
        "Mail/..%5cOther",
        "Mail/..\\Other",
    ],
)
async def test_a_way_up_is_refused_however_it_is_written(name: str) -> None:
    found = await refusal(vault(CONJUR, "Mail/*"), "cyberArk", variable=name)
    assert found is not None
    assert (found.reason, found.message) == (
        "VaultNotAllowed",
        f'ClusterSmtpVault corp limits its references, and "{name}" (named by spec.password.cyberArk) is'
        " ambiguous. Write it without . and .. between slashes, and without slashes in a Safe's name.",
    )


@pytest.mark.parametrize("name", ["Mail/a..b", "Mail/.hidden", "Mail/a.b", "Mail/100%", "Mail/a b"])
async def test_dots_within_a_name_are_none_of_that(name: str) -> None:
    assert await refusal(vault(CONJUR, "Mail/*"), "cyberArk", variable=name) is None


class Recorder:
    """Keeps the requests."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        self.urls.append(request.url)
        return HttpsResponse(200, {}, b"")

    async def trust(self) -> ServerTrust:
        return ServerTrust()

    async def secret(self, *_: Any, **__: Any) -> str:
        raise AssertionError

    client_certificate: Any = secret
    service_account_token = secret


@settings(deadline=None)
@given(names)
async def test_no_variable_leads_out_of_the_account(name: str) -> None:
    """Regardless of the allowed references, a variable is never another resource of Conjur."""
    recorder = Recorder()
    context = VaultContext(
        name="it", credentials=recorder, https=recorder, monotonic=lambda: 0.0, now=lambda: 0.0
    )
    https = VaultHttps(context, "https://conjur.example.com/api", field="cyberArkConjur.url")
    with suppress(VerdictError):
        await https.send("GET", ("secrets", "prod", "variable", name))
    if not recorder.urls:  # refused
        return
    (url,) = recorder.urls
    parts = urlsplit(url)
    path = unquote(parts.path)
    assert (parts.query, parts.fragment, parts.hostname) == ("", "", "conjur.example.com")
    assert path == f"/api/secrets/prod/variable/{name}"
    assert posixpath.normpath(path.replace("\\", "/") + "/x").startswith("/api/secrets/prod/variable/")


# CCP.


@pytest.mark.parametrize(
    ("allowed", "item", "may"),
    [
        ("Mail/*", {"safe": "Mail", "object": "smtp"}, True),
        ("Mail/*", {"safe": "Mail", "folder": "Root", "object": "smtp"}, True),
        ("Mail/*", {"safe": "Mail", "folder": "Other", "object": "smtp"}, True),
        ("Mail/*", {"safe": "Mail", "username": "mailer"}, True),
        ("Mail/*", {"safe": "Mail2", "object": "smtp"}, False),
        ("Mail/*", {"object": "smtp"}, False),
        ("Mail/*", {"object": "Mail/smtp"}, False),
        ("Mail/*", {"safe": "Mail/Other", "object": "smtp"}, False),
        ("Mail/*", {"username": "mailer", "address": "smtp.example.com"}, False),
        ("Mail/smtp", {"safe": "Mail", "object": "smtp"}, True),
        ("Mail/smtp", {"safe": "Mail", "folder": "root", "object": "smtp"}, True),
        ("Mail/smtp", {"safe": "Mail", "object": "smtp", "username": "mailer"}, True),
        ("Mail/smtp", {"safe": "Mail", "folder": "Other", "object": "smtp"}, False),
        ("Mail/smtp*", {"safe": "Mail", "folder": "Other", "object": "smtp"}, False),
        ("Mail/smtp*", {"safe": "Mail", "username": "mailer"}, False),
        ("Mail/smtp*", {"safe": "Mail"}, False),
        ("Mail/Other/*", {"safe": "Mail", "folder": "Other", "object": "smtp"}, True),
        ("Mail/*", {"safe": "Mail", "folder": "..", "object": "smtp"}, False),
        ("Mail/*", {"safe": "mail", "object": "smtp"}, False),
    ],
)
async def test_an_account_is_its_safe_its_folder_and_its_object(
    allowed: str, item: dict[str, str], may: bool
) -> None:
    assert (await refusal(vault(CCP, allowed), "cyberArk", **item) is None) is may


@settings(deadline=None)
@given(safe=names, folder=names | st.none(), object_=names | st.none())
async def test_no_account_of_another_safe_is_allowed(
    safe: str, folder: str | None, object_: str | None
) -> None:
    item = {"safe": safe} | {"folder": folder or ""} | {"object": object_ or ""}
    item = {name: value for name, value in item.items() if value}
    if valid(CyberArkPassword, **item) and not await refusal(vault(CCP, "Mail/*"), "cyberArk", **item):
        assert safe == "Mail"


# KV.


@settings(deadline=None)
@given(names)
async def test_no_path_leads_out_of_the_mount(name: str) -> None:
    if not valid(HashiCorpVaultPassword, path=name):
        return
    recorder = Recorder()
    kv = client(
        url="https://bao.example.com", namespace=None, ask=recorder.send, trust=ServerTrust(), token="t"
    )
    await kv.secrets.kv.v2.read_secret_version(name, mount_point="secret", raise_on_deleted_version=False)
    (url,) = recorder.urls
    parts = urlsplit(url)
    assert (parts.hostname, parts.fragment) == ("bao.example.com", "")
    assert "/" not in parts.query
    assert meant(parts.path + "/x").startswith("/v1/secret/data/")


@settings(deadline=None)
@given(names)
async def test_no_path_leads_out_of_what_is_allowed(name: str) -> None:
    if valid(HashiCorpVaultPassword, path=name) and not await refusal(
        vault(BAO, "Mail/*"), "hashiCorpVault", path=name
    ):
        assert meant(name).startswith("Mail/")


# What status shows.


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ({"safe": "Mail", "object": "smtp"}, "corp/Mail/smtp"),
        ({"safe": "Mail", "folder": "Root", "object": "smtp"}, "corp/Mail/Root/smtp"),
        ({"object": "smtp"}, "corp/smtp"),
        ({"safe": "Mail", "username": "mailer"}, "corp/Mail (username mailer)"),
        (
            {"username": "mailer", "address": "smtp.example.com"},
            "corp/username mailer, address smtp.example.com",
        ),
        ({"variable": "prod/smtp"}, "corp/prod/smtp"),
    ],
)
def test_all_that_names_an_account_is_shown(item: dict[str, str], shown: str) -> None:
    _, reference = described(CyberArkPassword.model_validate(VAULT | item))
    assert reference == shown


def test_what_is_shown_has_room_in_status() -> None:
    longest = dict.fromkeys(("safe", "folder", "object", "username", "address"), "ü" * 256)
    source, reference = described(CyberArkPassword.model_validate(VAULT | longest))
    assert PasswordStatus(source=source, reference=reference).reference == reference
