# SPDX-License-Identifier: Apache-2.0
"""The operator changes only the status of the user's object."""

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import AuditLog, Bed

pytestmark = pytest.mark.usefixtures("operator")

TEAM_METADATA = {"labels": {"team": "a"}, "annotations": {"note": "ours"}}


def test_no_finalizer_annotation_or_label_is_left_on_the_object(bed: Bed, server: MailServer) -> None:
    bed.create(server)
    bed.api.patch(f"{bed.configs}/mail", {"metadata": TEAM_METADATA})

    metadata = bed.verdict().metadata

    assert {key: metadata[key] for key in ("labels", "annotations")} == TEAM_METADATA
    assert "finalizers" not in metadata
    assert "ownerReferences" not in metadata


def test_only_status_belongs_to_the_operator(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server)

    ours = [it for it in seen.metadata["managedFields"] if it["manager"] == "smtp-operator"]
    assert [(it["operation"], it["subresource"], list(it["fieldsV1"])) for it in ours] == [
        ("Apply", "status", ["f:status"])
    ]


def test_every_write_of_the_operator_is_a_patch_of_status_or_an_event(
    bed: Bed, server: MailServer, audit: AuditLog, operator_user: str
) -> None:
    bed.verdict_of(server)
    bed.change(smtpType="TLS")
    bed.verdict()

    asked = audit.until("create", "events", user=operator_user, namespace=bed.namespace)

    assert {(it.verb, it.resource) for it in asked if it.writes} == {
        ("patch", "smtpconfigs/status"),
        ("create", "events"),
    }


def test_a_quick_test_takes_one_status_write_and_one_get_of_its_secret(
    bed: Bed, server: MailServer, audit: AuditLog, operator_user: str
) -> None:
    bed.secret("smtp-password", password="s3cret-Passw0rd")

    bed.verdict_of(server, username="mailer", password={"secretRef": {"name": "smtp-password"}})

    asked = audit.until("create", "events", user=operator_user, namespace=bed.namespace)
    assert sorted((it.verb, it.resource) for it in asked) == [
        ("create", "events"),
        ("get", "secrets"),
        ("patch", "smtpconfigs/status"),
    ]


def test_deleting_an_object_does_not_wait_for_the_operator(bed: Bed, server: MailServer) -> None:
    server.unanswered = {"banner"}
    bed.create(server)

    bed.delete()

    assert bed.api.items(bed.configs) == []


def test_an_object_that_is_deleted_and_created_again_during_a_test_gets_a_new_verdict(
    bed: Bed, server: MailServer
) -> None:
    def replaced_by_another(verb: str) -> None:
        if verb == "RCPT":
            server.on_command = lambda verb: None
            bed.delete()
            bed.create(server, recipients={"to": ["second@example.com"]})

    server.on_command = replaced_by_another
    first = bed.create(server, recipients={"to": ["first@example.com"]})

    seen = bed.wait(lambda it: it.judged and it.metadata["uid"] != first.metadata["uid"])

    second = server.wait_for_mail(lambda mail: mail.recipients == ("second@example.com",))
    assert seen.last_test["messageId"].encode() in second.content


def test_a_spec_that_changes_in_mid_test_is_not_given_the_old_verdict(bed: Bed, server: MailServer) -> None:
    def edited(verb: str) -> None:
        if verb == "RCPT":
            server.on_command = lambda verb: None
            bed.change(recipients={"to": ["gone@example.com"]})

    server.on_command = edited
    server.refused_recipients["gone@example.com"] = "550 5.1.1 no such user"
    bed.create(server)

    seen = bed.verdict()

    assert (seen.metadata["generation"], seen.reason) == (2, "RecipientsRefused")
