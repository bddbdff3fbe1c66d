# SPDX-License-Identifier: Apache-2.0
"""Vault objects stored before a field became required: they admit nothing, and say which field to set."""

from typing import Any

import pytest

from smtp_operator.api.objects import JsonObject
from smtp_testkit.simulation import World

HOUR = 3600.0

CCP: JsonObject = {"url": "https://ccp.example.com", "appId": "mail"}
NO_SERVERS = (
    "spec: set allowedServers to the mail servers that may receive passwords from this vault, such"
    ' as ["smtp.example.com:587"]; ["*:*"] allows all'
)
NO_CERTIFICATE = (
    "spec.cyberArkCCP: set clientCertificateRef: without it the operator's IP address is the"
    " credential, which only a ClusterSmtpVault can use"
)
STORED: dict[str, tuple[dict[str, Any], str]] = {
    "without allowedServers": ({"allowedServers": None}, NO_SERVERS),
    "CCP without certificate": ({"hashiCorpVault": None, "cyberArkCCP": CCP}, NO_CERTIFICATE),
}

stored = pytest.mark.parametrize(("spec", "problem"), STORED.values(), ids=STORED)


@stored
async def test_its_status_says_which_field_to_set(world: World, spec: dict[str, Any], problem: str) -> None:
    bao = world.vault().create(checked=False, **spec)
    await world.start()
    await world.passes(1)
    assert bao.conditions == {
        "Ready": ("False", "InvalidSpec"),
        "Failed": ("True", "InvalidSpec"),
        "Stalled": ("True", "InvalidSpec"),
    }
    ready = bao.status.condition("Ready")
    assert ready is not None
    assert ready.message == (
        f"The spec is invalid: {problem}. Correct it. Also apply this release's CRDs, so that the API server"
        " rejects such a spec."
    )
    assert world.vaults.calls == 0


@stored
async def test_nothing_is_read_through_it(world: World, spec: dict[str, Any], problem: str) -> None:
    bao = world.vault().create(checked=False, **spec)
    password = bao.password()
    block = "hashiCorpVault"
    if "cyberArkCCP" in spec:
        block = "cyberArk"
        password = {block: {"vaultRef": {"name": "bao"}, "safe": "Mail", "object": "smtp"}}
    await world.start()
    mail = world.smtp_config().create_with_login(password=password)
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "VaultNotAllowed")
    ready = mail.condition("Ready")
    assert ready is not None
    assert ready.message == (
        f"The spec of SmtpVault team-a/bao is invalid, so the vault is not used: {problem}. Correct the spec."
    )
    assert (world.vaults.calls, world.logins) == (0, [])


async def test_what_had_passed_is_withdrawn_at_the_next_test_and_back_once_the_field_is_set(
    world: World,
) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    bao.edit(checked=False, allowedServers=None)
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "VaultNotAllowed")
    calls = world.vaults.calls
    await world.passes(3 * HOUR)
    assert world.vaults.calls == calls
    bao.edit(allowedServers=["smtp.example.com:587"])
    await world.passes(1)
    assert mail.ready == "True"


async def test_one_that_logged_in_before_the_upgrade_is_ready_no_longer(world: World) -> None:
    """The status has the same generation, from an operator that did not require the field."""
    bao = world.vault().create()
    await world.ready(password=bao.password())
    assert bao.conditions["Ready"][0] == "True"
    await world.stop()
    del bao.object_["spec"]["allowedServers"]
    await world.start()
    await world.passes(1)
    assert bao.conditions["Ready"] == ("False", "InvalidSpec")
