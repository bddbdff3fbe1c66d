# SPDX-License-Identifier: Apache-2.0
"""A spec that breaks a rule, although the API server took it (an older CRD, say)."""

from smtp_operator.api.errors import ApiUnavailable
from smtp_testkit.simulation import World


async def test_it_says_which_rule_and_is_stalled(world: World) -> None:
    mail = await world.ready()
    mail.edit(checked=False, port=0)
    await world.passes(1)
    assert mail.conditions == {
        "Ready": ("False", "InvalidSpec"),
        "Failed": ("True", "InvalidSpec"),
        "Stalled": ("True", "InvalidSpec"),
    }
    assert mail.status.conditions[0].message == (
        "The spec is invalid: spec.port: Input should be greater than or equal to 1. Correct it. Also"
        " apply this release's CRDs, so that the API server rejects such a spec."
    )
    assert mail.status.summary == "InvalidSpec"
    assert mail.judged
    assert mail.runs == []


async def test_it_never_shows_the_password(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create_with_login()
    mail.edit(checked=False, password={"value": "s3cret-canary", "secretRef": {"name": "s3cret-canary-2"}})
    await world.passes(1)
    assert mail.reason == "InvalidSpec"
    assert "canary" not in str(mail.status)
    assert "set exactly one of value, secretRef" in mail.status.conditions[0].message


async def test_it_names_every_broken_rule(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create()
    mail.edit(checked=False, port=0, server="https://smtp.example.com/")
    await world.passes(1)
    message = mail.status.conditions[0].message
    assert "spec.port: " in message
    assert (
        "spec.server: server must be a host name or an IP address, without scheme, port, brackets or spaces"
        in message
    )


async def test_it_costs_one_write(world: World) -> None:
    mail = await world.ready()
    mail.edit(checked=False, port=0)
    await world.passes(86400)
    await world.restart()
    await world.passes(60)
    assert len(mail.writes) == 1


async def test_what_was_found_before_is_kept(world: World) -> None:
    mail = await world.ready()
    before = mail.status
    mail.edit(checked=False, port=0)
    await world.passes(1)
    assert mail.status.last_success_time == before.last_success_time
    assert mail.status.last_test == before.last_test


async def test_it_is_tested_once_corrected(world: World) -> None:
    mail = await world.ready()
    mail.edit(checked=False, port=0)
    await world.passes(60)
    mail.edit(port=465)
    await world.passes(1)
    assert (mail.ready, mail.trigger, mail.judged) == ("True", "SpecChanged", True)


async def test_it_is_tested_even_when_what_had_been_proven_comes_back(world: World) -> None:
    mail = await world.ready()
    mail.edit(checked=False, port=0)
    await world.passes(60)
    mail.edit(port=587)
    await world.passes(1)
    assert (mail.ready, len(mail.runs)) == ("True", 1)


async def test_it_is_written_once_the_api_server_is_back(world: World) -> None:
    mail = await world.ready()
    world.cluster.fail_next("write_status", ApiUnavailable("503"))
    mail.edit(checked=False, port=0)
    await world.passes(10)
    assert mail.reason == "InvalidSpec"


async def test_it_does_not_forget_a_request_that_was_handled(world: World) -> None:
    mail = await world.ready()
    await world.passes(60)
    mail.request_test("now")
    await world.passes(60)
    mail.withdraw_request()
    mail.edit(checked=False, port=0)
    await world.passes(60)
    assert mail.status.last_handled_test_request == "now"
