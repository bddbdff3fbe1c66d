# SPDX-License-Identifier: Apache-2.0
"""A recipient did not choose the SmtpConfig: what its user names appears bounded, and never as a link."""

import pytest

from smtp_testkit.simulation import World


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("evil.example", "evil[.]example"),
        ("your-mailbox-is-full.log-in-at.evil.example", "your-mailbox-is-full[.]log-in-at[.]evil[.]example"),
        ("x" * 253, "x" * 62 + "…"),
        ("a.b", "a.b"),
    ],
)
async def test_the_name_of_an_object_is_no_link_in_subject_or_body(
    world: World, name: str, shown: str
) -> None:
    await world.start()
    world.smtp_config(name).create()
    await world.passes(1)
    sent = world.mails[0].settings

    assert sent.subject == f"Test email: SmtpConfig team-a/{shown}"
    assert f"SmtpConfig: team-a/{shown}\n" in sent.body


async def test_a_stored_from_with_a_link_in_its_display_name_sends_no_email(world: World) -> None:
    await world.start()
    mail = world.smtp_config().create()
    await world.passes(1)
    mail.edit(checked=False, **{"from": '"Log in at https://evil.example" <noreply@example.com>'})
    await world.passes(3600)

    assert len(world.mails) == 1
    assert mail.reason == "InvalidSpec"
    assert mail.condition("Ready") is not None
    ready = mail.condition("Ready")
    assert ready is not None
    assert ready.message == (
        "The spec is invalid: spec.from: from must have a display name of at most 64 characters"
        " without URL or host name, such as Platform Team <noreply@example.com>. Correct it. Also apply"
        " this release's CRDs, so that the API server rejects such a spec."
    )
