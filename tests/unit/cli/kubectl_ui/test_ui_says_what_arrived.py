# SPDX-License-Identifier: Apache-2.0
"""A SmtpConfig with ``spec.delivery``: the page says what became of the last email in the mailbox."""

import re
from importlib.resources import files
from typing import Any

import pytest

from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, condition, listed, passed, smtp_config
from smtp_testkit.page_visitor import PageVisitor

Json = dict[str, Any]

ADDRESS = "probe@example.org"
ARRIVED: Json = {
    "messageId": "<1@example.com>",
    "sentTime": "2026-01-31T12:00:00.250000Z",
    "accepted": True,
    "seenTime": "2026-01-31T12:00:04.450000Z",
    "latency": "4.2s",
    "folder": "Inbox",
}
IN_INBOX = condition("Delivered", "True", "InInbox", "The email arrived.")


def config(delivered: Json, found: Json | None, **more: Any) -> Json:
    """Return a SmtpConfig of which a test passed, and an email was looked for."""
    status = passed(**more) | ({"delivery": found} if found else {})
    status["conditions"].append(delivered)
    return smtp_config(
        status, "mail", delivery={"address": ADDRESS, "mailbox": {"server": "imap.example.org"}}
    )


async def delivery_shown(fake: FakeApi, visitor: PageVisitor, kind: str, name: str, object_: Json) -> Any:
    """Return the key ``delivery`` of an object's details."""
    plural = {"SmtpConfig": "smtpconfigs", "SmtpVault": "smtpvaults"}[kind]
    fake.always("GET", f"{LIST.replace('smtpconfigs', plural)}/{name}", Answer(body=object_))
    fake.always("GET", "/apis/events.k8s.io/v1/namespaces/team-a/events", Answer(body=listed()))
    return (await visitor.get(f"/api/object?kind={kind}&namespace=team-a&name={name}")).json["delivery"]


async def test_an_email_in_the_inbox(fake: FakeApi, visitor: PageVisitor) -> None:
    assert await delivery_shown(fake, visitor, "SmtpConfig", "mail", config(IN_INBOX, ARRIVED)) == (
        "The last email to probe@example.org, sent at 2026-01-31T12:00:00Z, arrived in the inbox after 4.2s."
    )


@pytest.mark.parametrize(
    ("delivered", "found"),
    [
        (condition("Delivered", "False", "InJunk", "<b>Junk</b>"), ARRIVED | {"folder": "Junk"}),
        (condition("Delivered", "False", "NotSeen", "<b>Late</b>"), ARRIVED | {"latency": "11m"}),
        (
            condition("Delivered", "Unknown", "Waiting", "The operator looks."),
            {"sentTime": ARRIVED["sentTime"]},
        ),
        (condition("Delivered", "Unknown", "NotSent", "No email was sent."), None),
        (IN_INBOX, None),
        (IN_INBOX, {"messageId": "<1@example.com>"}),
        (IN_INBOX, {"sentTime": "soon"}),
    ],
)
async def test_every_other_email_has_the_message_of_the_condition(
    fake: FakeApi, visitor: PageVisitor, delivered: Json, found: Json | None
) -> None:
    shown = await delivery_shown(fake, visitor, "SmtpConfig", "mail", config(delivered, found))
    assert shown == delivered["message"]


async def test_results_of_older_settings_are_not_shown(fake: FakeApi, visitor: PageVisitor) -> None:
    older = config(IN_INBOX, ARRIVED, observedGeneration=0)
    assert await delivery_shown(fake, visitor, "SmtpConfig", "mail", older) == ""


async def test_objects_without_a_mailbox_say_nothing(fake: FakeApi, visitor: PageVisitor) -> None:
    assert await delivery_shown(fake, visitor, "SmtpConfig", "mail", smtp_config(passed(), "mail")) == ""
    vault = {"metadata": {"namespace": "team-a", "name": "vault"}, "spec": {"azureKeyVault": {}}}
    assert await delivery_shown(fake, visitor, "SmtpVault", "vault", vault) == ""


def test_the_page_shows_it_as_text_in_the_object_and_in_a_green_result() -> None:
    script = files("smtp_operator.cli.kubectl.ui").joinpath("static", "app.mjs").read_text()
    assert 'found.delivery ? el("p", { id: "object-delivery" }, found.delivery) : null' in script
    assert "delivery: found.delivery" in script
    assert re.search(r'verdict\.passed && form\.delivery \? el\("p", .*, form\.delivery\) : null', script)
