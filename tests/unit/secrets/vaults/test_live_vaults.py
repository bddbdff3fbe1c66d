# SPDX-License-Identifier: Apache-2.0
"""Each vault object has one client; no password outlives its callers."""

import asyncio
import gc
from typing import Any

import pytest

from smtp_operator.api.objects import Reference
from smtp_operator.api.password import HashiCorpVaultPassword
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpvault import Provider
from smtp_operator.api.vaultobject import VaultObject, vault_object
from smtp_operator.api.verdict import Verdict, VerdictError
from smtp_operator.fair_slots import NAMESPACE
from smtp_operator.secrets.failure_cache import HOLD_SECONDS
from smtp_operator.secrets.service_accounts import NoServiceAccounts
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_operator.secrets.vaults.provider import VaultSecret
from smtp_testkit.simulation import ObjectStore
from smtp_testkit.simulation.object_store import MAIL_SERVER
from smtp_testkit.simulation.vaults import NoHttps, SimulatedVaults, vault_verdict

SPEC = {
    "hashiCorpVault": {
        "url": "https://bao.example.com",
        "auth": {"tokenRef": {"name": "bao-login", "key": "token"}},
    }
}
ITEM = HashiCorpVaultPassword.model_validate({"vaultRef": {"name": "bao"}, "path": "mail/smtp"})


OTHER_ITEM = HashiCorpVaultPassword.model_validate({"vaultRef": {"name": "bao"}, "path": "mail/other"})
TOKEN_REF = {"namespace": "team-a", "name": "bao-login", "key": "token"}
CLUSTER_SPEC = {"hashiCorpVault": {"url": "https://bao.example.com", "auth": {"tokenRef": TOKEN_REF}}}


class ScriptedVaultObject:
    """A vault object with a scripted vault and its own clock."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.store = ObjectStore()
        self.store.put("Secret", "bao-login", {"token": "root"})
        self.server = SimulatedVaults(lambda: self.time)
        self.server.latency = 0.0
        self.vaults = VaultClients(
            get_object=self.store.get,
            accounts=NoServiceAccounts(),
            https=NoHttps(),
            monotonic=lambda: self.time,
            now=lambda: self.time,
            providers={Provider.HASHICORP_VAULT: self.server.client},
        )

    def object_(self, generation: int = 1) -> VaultObject:
        reference = self.store.put_vault("SmtpVault", "bao", SPEC, generation=generation)
        return vault_object("SmtpVault", self.store.objects[reference])

    async def read(self, generation: int = 1) -> VaultSecret:
        return await self.vaults.of(self.object_(generation)).read(ITEM, destination=MAIL_SERVER)

    def reading(self, namespace: str, item: HashiCorpVaultPassword) -> "asyncio.Task[VaultSecret]":
        """Start a read through a ClusterSmtpVault."""
        reference = self.store.put_vault("ClusterSmtpVault", "bao", CLUSTER_SPEC)
        client = self.vaults.of(vault_object("ClusterSmtpVault", self.store.objects[reference]))

        async def read() -> VaultSecret:
            NAMESPACE.set(namespace)
            return await client.read(item, destination=MAIL_SERVER)

        return asyncio.create_task(read())

    async def reason(self) -> Reason:
        with pytest.raises(VerdictError) as failed:
            await self.read()
        return failed.value.verdict.reason


async def settled() -> None:
    """Let all tasks proceed that can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def bench() -> ScriptedVaultObject:
    return ScriptedVaultObject()


def passwords_in_memory(canary: str) -> int:
    """How often it is there, in whatever holds it: frames of exceptions and results of tasks included."""
    gc.collect()
    return sum(isinstance(it, VaultSecret) and it.value == canary for it in gc.get_objects())


@pytest.fixture
def canary(bench: ScriptedVaultObject) -> str:
    """The password."""
    bench.server.put("mail/smtp", "c4nary", "1")
    return "c4nary"


# Who shares what.


async def test_those_who_ask_at_the_same_time_share_one_read_and_one_login(
    bench: ScriptedVaultObject,
) -> None:
    found = await asyncio.gather(*(bench.read() for _ in range(100)))
    assert {it.value for it in found} == {"s3cret-1"}
    assert (len(bench.server.logins), len(bench.server.reads)) == (1, 1)


async def test_a_later_read_sends_a_new_request_with_the_same_login(bench: ScriptedVaultObject) -> None:
    await bench.read()
    await bench.read()
    assert (len(bench.server.logins), len(bench.server.reads)) == (1, 2)


async def test_a_canceled_caller_does_not_cancel_it_for_others(bench: ScriptedVaultObject) -> None:
    first = asyncio.create_task(bench.read())
    second = asyncio.create_task(bench.read())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).value == "s3cret-1"


async def test_a_read_that_no_caller_waits_for_is_canceled(bench: ScriptedVaultObject) -> None:
    bench.server.latency = 3600.0
    first, second = (asyncio.create_task(bench.read()) for _ in range(2))
    await settled()
    assert len(bench.server.logins) == 1
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)

    bench.server.latency = 0.0
    async with asyncio.timeout(60):
        assert (await bench.read()).value == "s3cret-1"


async def test_a_namespace_does_not_wait_for_the_read_of_another_one(bench: ScriptedVaultObject) -> None:
    await bench.reading("team-a", ITEM)
    bench.server.latency = 3600.0
    hanging = bench.reading("attacker", ITEM)
    await settled()
    bench.server.latency = 0.0

    async with asyncio.timeout(60):
        assert (await bench.reading("team-a", ITEM)).value == "s3cret-1"
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_a_login_counts_for_the_namespace_of_the_vault_object(bench: ScriptedVaultObject) -> None:
    namespaces: list[str] = []
    bench.server.on_login = lambda: namespaces.append(NAMESPACE.get())
    await bench.reading("attacker", ITEM)
    await bench.read()
    assert namespaces == ["", "team-a"]


# What a failure means, and to whom.


@pytest.mark.parametrize(
    "verdict",
    [
        vault_verdict(Reason.VAULT_UNAVAILABLE),
        vault_verdict(Reason.VAULT_UNREACHABLE),
        vault_verdict(Reason.VAULT_RATE_LIMITED, retry_after=600.0),
    ],
    ids=lambda verdict: verdict.reason,
)
async def test_a_failed_read_of_one_namespace_fails_no_read_of_another(
    bench: ScriptedVaultObject, verdict: Verdict
) -> None:
    bench.server.put("mail/other", "s3cret-2", "1")
    await bench.reading("team-a", ITEM)
    bench.server.fails = verdict
    for item in (ITEM, OTHER_ITEM):
        with pytest.raises(VerdictError):
            await bench.reading("attacker", item)
    bench.server.fails = None

    assert [(await bench.reading("team-a", ITEM)).value for _ in range(3)] == ["s3cret-1"] * 3
    assert [(await bench.reading("team-a", OTHER_ITEM)).value for _ in range(3)] == ["s3cret-2"] * 3
    calls = bench.server.calls
    with pytest.raises(VerdictError) as failed:
        await bench.reading("attacker", ITEM)
    assert (failed.value.verdict.reason, bench.server.calls) == (verdict.reason, calls)


async def test_a_failed_read_of_one_item_fails_no_read_of_another_item(bench: ScriptedVaultObject) -> None:
    bench.server.put("mail/other", "s3cret-2", "1")
    await bench.reading("team-a", ITEM)
    bench.server.fails = vault_verdict(Reason.VAULT_UNAVAILABLE)
    with pytest.raises(VerdictError):
        await bench.reading("team-a", ITEM)
    bench.server.fails = None

    assert (await bench.reading("team-a", OTHER_ITEM)).value == "s3cret-2"


@pytest.mark.parametrize("reason", [Reason.VAULT_AUTH_FAILED, Reason.VAULT_ACCESS_DENIED])
async def test_a_failed_login_is_the_answer_to_all_namespaces(
    bench: ScriptedVaultObject, reason: Reason
) -> None:
    bench.server.fails = vault_verdict(reason)
    for namespace, item in (("team-a", ITEM), ("team-b", ITEM), ("team-b", OTHER_ITEM)):
        with pytest.raises(VerdictError) as failed:
            await bench.reading(namespace, item)
        assert failed.value.verdict.reason is reason
    assert bench.server.calls == 1


async def test_a_failure_of_the_vault_is_the_answer_to_everybody_for_a_while(
    bench: ScriptedVaultObject,
) -> None:
    bench.server.fails = vault_verdict(Reason.VAULT_UNAVAILABLE)
    assert await bench.reason() is Reason.VAULT_UNAVAILABLE
    calls = bench.server.calls
    assert [await bench.reason() for _ in range(50)] == [Reason.VAULT_UNAVAILABLE] * 50
    assert bench.server.calls == calls
    bench.server.fails = None
    bench.time += HOLD_SECONDS
    assert (await bench.read()).value == "s3cret-1"


async def test_a_failure_of_one_password_says_nothing_of_others(bench: ScriptedVaultObject) -> None:
    del bench.server.secrets["mail/smtp"]
    assert await bench.reason() is Reason.VAULT_SECRET_NOT_FOUND
    bench.server.put("mail/smtp", "s3cret-2", "2")
    assert (await bench.read()).value == "s3cret-2"


@pytest.mark.parametrize(("asked", "kept"), [(120.0, 120.0), (86400.0, 600.0)])
async def test_a_pause_that_the_vault_asks_for_is_kept_for_ten_minutes_at_most(
    bench: ScriptedVaultObject, asked: float, kept: float
) -> None:
    bench.server.fails = vault_verdict(Reason.VAULT_RATE_LIMITED, retry_after=asked)
    with pytest.raises(VerdictError) as failed:
        await bench.read()
    assert failed.value.verdict.retry_after == kept
    calls = bench.server.calls
    bench.time += kept - 1
    with pytest.raises(VerdictError) as failed:
        await bench.read()
    assert (failed.value.verdict.retry_after, bench.server.calls) == (1.0, calls)
    bench.server.fails = None
    bench.time += 1
    assert (await bench.read()).value == "s3cret-1"


# What ends a client.


async def test_a_new_version_of_the_object_is_another_client(bench: ScriptedVaultObject) -> None:
    await bench.read()
    await bench.read(generation=2)
    assert len(bench.server.logins) == 2
    await bench.vaults.close()
    assert bench.server.open == 0


async def test_a_change_of_what_it_logs_in_by_ends_it(bench: ScriptedVaultObject) -> None:
    await bench.read()
    bench.vaults.changed(Reference("Secret", "team-a", "another"))
    await bench.read()
    assert len(bench.server.logins) == 1
    bench.vaults.changed(Reference("Secret", "team-a", "bao-login"))
    await bench.read()
    assert len(bench.server.logins) == 2


async def test_who_reads_while_the_object_changes_still_gets_an_answer(bench: ScriptedVaultObject) -> None:
    bench.server.latency = 0.01
    reading = asyncio.create_task(bench.read())
    await asyncio.sleep(0)
    bench.vaults.forget(Reference("SmtpVault", "team-a", "bao"))
    assert (await reading).value == "s3cret-1"


async def test_closing_breaks_off_who_still_asks(bench: ScriptedVaultObject) -> None:
    bench.server.latency = 3600.0
    reading = asyncio.create_task(bench.read())
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await bench.vaults.close()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert bench.server.open == 0


# What is kept of a password.


async def test_a_password_is_gone_with_those_who_asked_for_it(
    bench: ScriptedVaultObject, canary: str
) -> None:
    found: Any = await bench.read()
    assert passwords_in_memory(canary) == 1
    del found
    await asyncio.sleep(0)  # what woke this test held it
    assert passwords_in_memory(canary) == 0


async def test_an_abandoned_password_is_dropped_too(bench: ScriptedVaultObject, canary: str) -> None:
    bench.server.latency = 0.01
    reading = asyncio.create_task(bench.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    del reading
    await bench.vaults.close()
    assert passwords_in_memory(canary) == 0
