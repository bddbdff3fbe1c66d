# SPDX-License-Identifier: Apache-2.0
"""A password that is bound to its server does not reach another one, whatever the other objects say.

The attacker may edit the SmtpConfig and the ConfigMap of its CA, and answers in the place of the server.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.fingerprints import fingerprint

Check = Callable[..., Any]
Write = Callable[..., str]
Document = dict[str, Any]

SERVERS = "smtp-operator.io/allowed-servers"
ALLOWED_CA = "smtp-operator.io/allowed-ca"


@pytest.fixture
def impostor() -> Iterator[MailServer]:
    """Poses as the server, with a certificate of another CA, and accepts any password."""
    with MailServer.in_thread(users={"mailer@example.com": "s3cret-pa55"}) as running:
        yield running


@pytest.fixture
def bound(secret: Document, config: Document, server: MailServer) -> Document:
    """The Secret, bound to its server and to its server's CA."""
    port = config["spec"]["port"]
    secret["metadata"]["annotations"] = {
        SERVERS: f"localhost:{port}",
        ALLOWED_CA: fingerprint(server.ca_pem),
    }
    return secret


def answered_by(impostor: MailServer, config: Document, bound: Document) -> None:
    """Makes the impostor answer at the allowed server."""
    config["spec"]["port"] = impostor.starttls_port
    bound["metadata"]["annotations"][SERVERS] = f"localhost:{impostor.starttls_port}"


def test_a_bound_password_reaches_its_server(
    check: Check, write: Write, config: Document, bound: Document, authority: Document
) -> None:
    assert check("-f", write(bound, authority, config), "--mode", "Login").code == 0


def test_an_edited_config_map_does_not_redirect_a_bound_password(
    check: Check,
    write: Write,
    config: Document,
    bound: Document,
    authority: Document,
    impostor: MailServer,
) -> None:
    answered_by(impostor, config, bound)
    authority["data"]["ca.crt"] = impostor.ca_pem

    ended = check("-f", write(bound, authority, config), "--mode", "Login")

    assert impostor.auth_attempts == []
    assert ended.code == 1
    assert ended.out.startswith("✗ CaNotAllowed in Tls  team-a/corporate-mail\n")
    assert " ".join(ended.out.split("The dialogue")[0].split()[5:]).startswith(
        f"The certificate of localhost:{impostor.starttls_port} was not issued by a CA that Secret"
        " team-a/smtp-password admits [in Tls]. Secret team-a/smtp-password is bound to its servers, so"
        " tls.caRef alone cannot add a CA. If this CA is correct, ask the owner to add it to the"
        f" annotation {ALLOWED_CA}: {fingerprint(impostor.ca_pem)}; or ask the cluster admin to add it to"
        " the operator's --ca-file."
    )


def test_a_ca_beside_the_admitted_one_does_not_redirect_it(
    check: Check,
    write: Write,
    config: Document,
    bound: Document,
    authority: Document,
    impostor: MailServer,
) -> None:
    answered_by(impostor, config, bound)
    authority["data"]["ca.crt"] += impostor.ca_pem

    ended = check("-f", write(bound, authority, config), "--mode", "Login")

    assert impostor.auth_attempts == []
    assert ended.out.startswith("✗ CaNotAllowed in Tls")


def test_a_ca_beside_the_admitted_one_does_not_stop_it(
    check: Check,
    write: Write,
    config: Document,
    bound: Document,
    authority: Document,
    impostor: MailServer,
) -> None:
    authority["data"]["ca.crt"] = impostor.ca_pem + authority["data"]["ca.crt"]
    assert check("-f", write(bound, authority, config), "--mode", "Login").code == 0


@pytest.mark.parametrize("smtp_type", ["StartTLS", "TLS"])
def test_a_ca_ref_without_consent_does_not_redirect_it(
    check: Check,
    write: Write,
    config: Document,
    bound: Document,
    authority: Document,
    impostor: MailServer,
    smtp_type: str,
) -> None:
    del bound["metadata"]["annotations"][ALLOWED_CA]
    answered_by(impostor, config, bound)
    if smtp_type == "TLS":
        config["spec"] |= {"smtpType": "TLS", "port": impostor.tls_port}
        bound["metadata"]["annotations"][SERVERS] = f"localhost:{impostor.tls_port}"
    authority["data"]["ca.crt"] = impostor.ca_pem

    ended = check("-f", write(bound, authority, config), "--mode", "Login")

    assert impostor.auth_attempts == []
    assert ended.out.startswith("✗ CaNotAllowed in Tls")


def test_the_name_in_a_certificate_does_not_redirect_it(
    check: Check, write: Write, config: Document, bound: Document, authority: Document, server: MailServer
) -> None:
    """The certificate of any public server would do for another ``tls.serverName``."""
    config["spec"]["tls"]["serverName"] = "mail.test"
    port = config["spec"]["port"]

    ended = check("-f", write(bound, authority, config), "--mode", "Login")

    assert server.auth_attempts == []
    assert " ".join(ended.out.split()).startswith(
        "✗ ServerNotAllowed in Password team-a/corporate-mail Secret team-a/smtp-password does not allow"
        f" server mail.test:{port}. Ask its owner to add it to the annotation {SERVERS}, or remove"
        " tls.serverName, whose certificate any server could show."
    )

    bound["metadata"]["annotations"][SERVERS] += f", mail.test:{port}"
    assert check("-f", write(bound, authority, config), "--mode", "Login").code == 0


@pytest.mark.parametrize("field", ["insecureSkipVerify", "smtpType"])
def test_no_verification_does_not_redirect_it(
    check: Check,
    write: Write,
    config: Document,
    bound: Document,
    authority: Document,
    impostor: MailServer,
    field: str,
) -> None:
    answered_by(impostor, config, bound)
    if field == "smtpType":
        config["spec"] |= {"smtpType": "None", "port": impostor.plain_port, "allowInsecureAuth": True}
        del config["spec"]["tls"]
        bound["metadata"]["annotations"][SERVERS] = f"localhost:{impostor.plain_port}"
    else:
        config["spec"] |= {"tls": {"insecureSkipVerify": True}, "allowInsecureAuth": True}

    ended = check("-f", write(bound, authority, config), "--mode", "Login")

    assert impostor.auth_attempts == []
    assert ended.out.startswith("✗ ServerNotAllowed in Password")


def test_a_ca_of_the_users_own_file_verifies_it(
    check: Check, write: Write, config: Document, bound: Document, server: MailServer
) -> None:
    del bound["metadata"]["annotations"][ALLOWED_CA]
    write(server.ca_pem, name="ca.pem")
    assert check("-f", write(bound, config), "--ca-file", "ca.pem", "--mode", "Login").code == 0


def test_a_password_that_nothing_binds_keeps_its_ca_ref(
    check: Check, write: Write, config: Document, secret: Document, authority: Document
) -> None:
    assert check("-f", write(secret, authority, config), "--mode", "Login").code == 0
