# SPDX-License-Identifier: Apache-2.0
"""Sources of passwords, and errors that appear before any connection to a mail server."""

from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.fingerprints import fingerprint
from smtp_testkit.testbed import Bed

pytestmark = pytest.mark.usefixtures("operator")

LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
PASSWORD = "s3cret-Passw0rd"


def test_a_password_in_the_spec_works_and_is_called_plaintext(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server, username="mailer", password={"value": PASSWORD})

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PlaintextPassword"}
    assert seen.status["password"]["source"] == "InputText"


def test_a_password_of_a_secret_is_told_by_name_and_version(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password=PASSWORD)

    told = bed.verdict_of(server, **LOGIN).status["password"]

    secret = bed.api.get(f"{bed.core('secrets')}/smtp-password")["metadata"]
    assert told["source"] == "KubernetesSecret"
    assert "smtp-password" in told["reference"]
    assert secret["resourceVersion"] in told["version"]


def test_a_missing_secret_is_waited_for(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server, **LOGIN)

    assert seen.conditions == {
        "Ready": "SecretNotFound",
        "Failed": "SecretNotFound",
        "Reconciling": "WaitingForDependency",
        "PasswordResolved": "SecretNotFound",
    }
    assert server.connections_total == 0


def test_creating_the_missing_secret_starts_the_test_at_once(bed: Bed, server: MailServer) -> None:
    """Wait less than the hour until the next retry."""
    bed.verdict_of(server, **LOGIN)

    bed.secret("smtp-password", password=PASSWORD)

    server.wait_for_mail()
    assert bed.wait(lambda it: it.ready.status == "True").last_test["trigger"] == "PasswordChanged"


def test_a_missing_key_names_the_key_and_its_arrival_is_tested(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", other="x")
    seen = bed.verdict_of(server, **LOGIN)
    assert seen.reason == "SecretKeyNotFound"
    assert "password" in seen.message

    bed.secret("smtp-password", password=PASSWORD)

    assert bed.wait(lambda it: it.ready.status == "True").reason == "TestEmailSent"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "SecretValueEmpty"),
        (b"\n", "SecretValueEmpty"),
        (b"\xff\xfe\x00", "SecretValueInvalid"),
        (b"two\nlines", "SecretValueInvalid"),
    ],
)
def test_a_value_that_cannot_be_a_password_is_never_sent(
    bed: Bed, server: MailServer, value: bytes, reason: str
) -> None:
    bed.secret("smtp-password", password=value)

    seen = bed.verdict_of(server, **LOGIN)

    assert (seen.reason, seen.conditions["PasswordResolved"]) == (reason, reason)
    assert server.connections_total == 0


def test_one_trailing_newline_is_left_out_and_told(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password=f"{PASSWORD}\n")

    seen = bed.verdict_of(server, **LOGIN)

    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "TrailingNewlineStripped"}


def test_a_user_name_may_come_from_a_secret_too(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", username="mailer", password=PASSWORD)
    reference = {"secretRef": {"name": "smtp-password"}}

    bed.verdict_of(server, usernameRef={"name": "smtp-password"}, password=reference)

    assert [mail.username for mail in server.mails] == ["mailer"]


def test_a_changed_password_is_tested_at_once(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password="not the password")
    assert bed.verdict_of(server, **LOGIN).reason == "AuthenticationFailed"

    bed.secret("smtp-password", password=PASSWORD)

    corrected = bed.wait(lambda it: it.ready.status == "True")
    assert corrected.last_test["trigger"] == "PasswordChanged"


def test_rule_6_an_edit_of_another_key_sends_no_mail(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password=PASSWORD)
    bed.verdict_of(server, **LOGIN)

    bed.api.patch(f"{bed.core('secrets')}/smtp-password", {"stringData": {"unrelated": "x"}})
    # A watch keeps the order, so the operator receives a later object later.
    bed.secret("marker", password=PASSWORD)
    bed.create(server, "marker", **(LOGIN | {"password": {"secretRef": {"name": "marker"}}}))
    bed.verdict("marker")

    assert [mail.content.count(b"/marker") > 0 for mail in server.mails] == [False, True]


def test_a_secret_that_may_only_go_elsewhere_is_not_sent_here(bed: Bed, server: MailServer) -> None:
    bed.secret("smtp-password", password=PASSWORD)
    annotations = {"smtp-operator.io/allowed-servers": "smtp.example.com:587"}
    bed.api.patch(f"{bed.core('secrets')}/smtp-password", {"metadata": {"annotations": annotations}})

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **LOGIN)

    assert seen.reason == "ServerNotAllowed"
    assert server.connections_total == 0


def test_an_edited_config_map_redirects_no_bound_password(bed: Bed, server: MailServer) -> None:
    """Use a server certificate that the Secret's owner does not allow."""
    bed.secret("smtp-password", password=PASSWORD)
    annotations = {"smtp-operator.io/allowed-servers": f"127.0.0.1:{server.starttls_port}"}
    bed.api.patch(f"{bed.core('secrets')}/smtp-password", {"metadata": {"annotations": annotations}})

    seen = bed.verdict_of(server, "StartTLS", tls=bed.trust(server), **LOGIN)

    assert seen.conditions == {
        "Ready": "CaNotAllowed",
        "Failed": "CaNotAllowed",
        "Stalled": "CaNotAllowed",
        "PasswordResolved": "PasswordRead",
    }
    assert server.auth_attempts == []

    annotations["smtp-operator.io/allowed-ca"] = fingerprint(server.ca_pem)
    bed.api.patch(f"{bed.core('secrets')}/smtp-password", {"metadata": {"annotations": annotations}})

    assert bed.wait(lambda it: it.ready.status == "True").reason == "TestEmailSent"
