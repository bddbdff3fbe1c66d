# SPDX-License-Identifier: Apache-2.0
"""The operator guesses no passwords: rejected logins of a user are limited, for each namespace and server."""

from typing import Any

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import DialogueReport, Mode, Phase, Trigger
from smtp_operator.reconcile.limits.logins import server_name, user_name
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_operator.smtp.request import TestRequest
from smtp_testkit.simulation import Answer, World, fails, passes

MINUTE = 60
HOUR = 3600

HELD = (
    "No login was tried: smtp.example.com rejected 5 logins of this user for namespace team-a within an hour,"
    " and more could lock the account"
)


def rejects(*good: str) -> Any:
    """A mail server that accepts these passwords alone."""

    def answer(settings: TestRequest) -> Answer:
        assert settings.login is not None
        if settings.login.password in good:
            return passes()
        return fails(Reason.AUTHENTICATION_FAILED, phase=Phase.AUTH, reply="535 5.7.8")

    return answer


def guess(world: World, number: int, **spec: Any) -> None:
    name = f"guess-{number}"
    fields = {"username": "victim@example.com", "password": {"value": f"guess-{number}"}} | spec
    world.smtp_config(name).create(**fields)


async def many_guesses(world: World, count: int = 30, **spec: Any) -> None:
    await world.start()
    world.engine.always(rejects())
    for number in range(count):
        guess(world, number, **spec)
    await world.passes(MINUTE)


async def test_30_objects_do_not_try_120_passwords_of_one_user(world: World) -> None:
    await many_guesses(world)
    for attempt in range(4):
        for number in range(30):
            mail = world.smtp_config(f"guess-{number}")
            mail.edit(password={"value": f"guess-{attempt}-{number}"})
            mail.request_test(f"{attempt}")
        await world.passes(14)

    assert len(world.logins) == 5


async def test_what_waits_says_so_is_reconciling_and_is_tried_later(world: World) -> None:
    await many_guesses(world, 6)
    held = [mail for n in range(6) if (mail := world.smtp_config(f"guess-{n}")).ready == "Unknown"]

    assert len(held) == 1
    mail = held[0]
    assert mail.conditions["Ready"] == ("Unknown", "LoginAttemptsLimited")
    assert mail.conditions["Reconciling"] == ("True", "LoginAttemptsLimited")
    assert mail.status.summary == "LoginAttemptsLimited: waits, so many logins of this user were rejected"
    ready = mail.condition("Ready")
    assert ready is not None
    assert ready.message.startswith(HELD)
    assert mail.next_test_in is not None
    assert 0 < mail.next_test_in <= HOUR + 5 * MINUTE
    await world.passes(HOUR + 10 * MINUTE)

    assert mail.conditions["Ready"] == ("False", "AuthenticationFailed")
    assert len(world.logins) == 6


async def test_it_is_five_an_hour_for_as_long_as_it_lasts(world: World) -> None:
    await many_guesses(world)
    await world.passes(10 * HOUR)
    times = [at for at, _ in world.logins]

    assert max(len([it for it in times if start <= it < start + HOUR]) for start in times) <= 5


@pytest.mark.parametrize(
    "spec",
    [
        {"server": "SMTP.Example.COM"},
        {"server": "smtp.example.com."},
        {"port": 465, "smtpType": "TLS"},
        {"port": 2525},
        {"username": "VICTIM@example.com"},
        {"username": "\uff36ictim@example.com"},
        {"server": "alias.evil.example"},
        {"server": "192.0.2.10"},
        {"test": {"mode": "Login"}},
        {"test": {"mode": "Envelope"}},
    ],
    ids=str,
)
async def test_another_spelling_gives_no_more_attempts(world: World, spec: dict[str, Any]) -> None:
    if "server" in spec:
        world.engine.always(rejects(), server=spec["server"])
    await many_guesses(world, 5)
    guess(world, 5, **spec)
    await world.passes(MINUTE)

    assert len(world.logins) == 5


async def test_a_username_from_a_secret_counts_as_that_user(world: World) -> None:
    await many_guesses(world, 5)
    world.put_secret("login", username="victim@example.com", password="guess-5")
    world.smtp_config("by-reference").create(
        usernameRef={"name": "login"}, password={"secretRef": {"name": "login"}}
    )
    await world.passes(MINUTE)

    assert len(world.logins) == 5
    mail = world.smtp_config("by-reference")
    assert mail.conditions["Ready"] == ("Unknown", "LoginAttemptsLimited")
    assert "victim" not in str(mail.status)


async def test_edits_of_a_secret_try_no_more_passwords(world: World) -> None:
    await world.start()
    world.engine.always(rejects())
    world.put_secret(password="guess")
    world.smtp_config().create_with_login()
    for number in range(60):
        world.put_secret(password=f"guess-{number}")
        await world.passes(MINUTE / 2)

    assert len(world.logins) <= 5


async def test_other_namespaces_users_and_servers_are_not_held(world: World) -> None:
    await many_guesses(world)
    world.engine.always(passes(), server="other.example.com")
    world.engine.addresses["other.example.com"] = "192.0.2.11"
    world.engine.always(rejects("right"))
    login = {"username": "victim@example.com", "password": {"value": "right"}}
    elsewhere = world.smtp_config("corporate-mail", "team-b").create(**login)
    colleague = world.smtp_config("colleague").create(**login | {"username": "colleague@example.com"})
    server = world.smtp_config("server").create(**login | {"server": "other.example.com"})
    await world.passes(MINUTE)

    assert [elsewhere.ready, colleague.ready, server.ready] == ["True"] * 3


async def test_a_credential_that_has_passed_for_this_object_is_exempt(world: World) -> None:
    world.engine.always(rejects("s3cret-1"))
    mail = await world.ready(username="victim@example.com")
    for number in range(30):
        guess(world, number)
    await world.passes(HOUR - MINUTE)
    held = [n for n in range(30) if world.smtp_config(f"guess-{n}").ready == "Unknown"]
    assert len(held) == 25
    world.forget()
    mail.request_test("now")
    await world.passes(1)

    assert [password for _, password in world.logins] == ["s3cret-1"]
    assert mail.ready == "True"
    assert mail.status.last_handled_test_request == "now"


async def test_what_passed_at_another_server_is_not_exempt(world: World) -> None:
    world.engine.always(passes(), server="mx.evil.example")
    world.engine.addresses["mx.evil.example"] = "192.0.2.66"
    await many_guesses(world, 5)
    mail = world.smtp_config("turncoat").create(
        server="mx.evil.example", username="victim@example.com", password={"value": "guess-x"}
    )
    await world.passes(MINUTE)
    assert mail.ready == "True"
    world.engine.addresses["mx.evil.example"] = "192.0.2.10"  # its name leads to the victim's server now
    mail.request_test("now")
    await world.passes(MINUTE)

    assert [password for _, password in world.logins].count("guess-x") == 1


async def test_a_held_recheck_leaves_the_verdict_as_it_is(world: World) -> None:
    world.engine.always(rejects("s3cret-1"))
    await world.start()
    world.put_secret(password="s3cret-1")
    mail = world.smtp_config().create_with_login(
        username="victim@example.com", recheck={"interval": "30m", "mode": "Login"}
    )
    await world.passes(1)
    await world.restart()  # what has passed is forgotten
    for number in range(5):
        guess(world, number)
    await world.passes(MINUTE)
    before = mail.conditions, mail.status.summary
    world.forget()
    await world.passes(40 * MINUTE)

    assert world.logins == []
    assert (mail.conditions, mail.status.summary) == before
    assert mail.ready == "True"
    await world.passes(40 * MINUTE)
    assert [password for _, password in world.logins].count("s3cret-1") >= 1
    assert mail.ready == "True"


async def test_a_right_password_waits_no_longer_than_an_hour(world: World) -> None:
    await many_guesses(world, 30)
    world.engine.always(rejects("right"))
    for number in range(30):
        world.smtp_config(f"guess-{number}").edit(password={"value": "right"})
    await world.passes(HOUR + 6 * MINUTE)

    assert {world.smtp_config(f"guess-{n}").ready for n in range(30)} == {"True"}


async def test_a_server_that_cannot_tell_holds_no_one(world: World) -> None:
    await world.start()
    world.engine.always(fails(Reason.AUTH_TEMPORARY_FAILURE, phase=Phase.AUTH, reply="454 4.7.0"))
    for number in range(10):
        guess(world, number)
    await world.passes(MINUTE)

    assert len(world.logins) == 10


async def test_a_held_login_is_no_storm_of_connections(world: World) -> None:
    await many_guesses(world, 100)
    world.forget()
    await world.passes(HOUR - 2 * MINUTE)

    assert world.runs == []
    assert world.writes == []


async def test_requests_are_no_storm_of_connections_either(world: World) -> None:
    await many_guesses(world, 6)
    mail = next(it for n in range(6) if (it := world.smtp_config(f"guess-{n}")).ready == "False")
    world.forget()
    for number in range(60):
        mail.request_test(str(number))
        await world.passes(1)

    assert world.logins == []
    assert len(mail.runs) <= 7
    assert mail.conditions["Ready"] == ("False", "AuthenticationFailed")
    assert mail.conditions["Reconciling"] == ("True", "LoginAttemptsLimited")


async def test_logins_under_way_count_too(world: World) -> None:
    await world.start()
    for number in range(30):
        server = f"mx-{number}.evil.example"  # 30 names of one server, so that all are tested at once
        world.engine.always(
            fails(Reason.AUTHENTICATION_FAILED, phase=Phase.AUTH, reply="535", seconds=5), server=server
        )
        guess(world, number, server=server)
    await world.passes(MINUTE)

    assert len(world.logins) == 5


async def test_a_limit_of_0_is_none() -> None:
    world = World(ReconcilePolicy(rejected_logins=0))
    await many_guesses(world)

    assert len(world.logins) == 30
    await world.stop()
    assert world.complaints() == []


class Counting:
    """An Observer that counts."""

    def __init__(self) -> None:
        self.rejected = 0
        self.held_tests: list[Reason] = []

    def tested(self, *, trigger: Trigger, mode: Mode, report: DialogueReport) -> None:
        pass

    def held(self, reason: Reason) -> None:
        self.held_tests.append(reason)

    def login_rejected(self) -> None:
        self.rejected += 1

    def delivered(self, latency: float, folder: str) -> None:
        pass


async def test_rejected_logins_and_held_tests_are_counted(world: World) -> None:
    world.observer = counting = Counting()
    await many_guesses(world, 10)

    assert counting.rejected == 5
    assert counting.held_tests == [Reason.LOGIN_ATTEMPTS_LIMITED] * 5


def test_spellings() -> None:
    assert {server_name(it) for it in ("Mail.Example.com.", "mail.example.com", "MAIL.example.com")} == {
        "mail.example.com"
    }
    assert server_name("bücher.example") == server_name("xn--bcher-kva.example")
    assert {user_name(it) for it in ("Mailer", "MAILER", "mailer ", "\uff4dailer", "mai\u200bler")} == {
        "mailer"
    }
