# SPDX-License-Identifier: Apache-2.0
"""The mail servers of the benchmark: several in one process, each with separate ports."""

import smtplib
from pathlib import Path

from smtp_tools.bench.mail import PASSWORD, USERNAME, MailProcess


def test_each_server_has_separate_ports_and_accepts_the_login(tmp_path: Path) -> None:
    with MailProcess(tmp_path, [0, 0.01]) as mail:
        ports = [port for of_a_type in mail.ports.values() for port in of_a_type]
        assert len(set(ports)) == len(ports) == 2 * 3
        for port in mail.ports["None"]:
            with smtplib.SMTP("127.0.0.1", port) as client:
                assert client.login(USERNAME, PASSWORD)[0] == 235
        assert len(mail.since(0).connections) == 2


def test_one_bundle_holds_the_authorities_of_all(tmp_path: Path) -> None:
    with MailProcess(tmp_path, [0, 0]) as mail:
        assert mail.ca_pem.count("BEGIN CERTIFICATE") == 2


def test_each_email_is_recorded_with_its_server_its_object_and_its_message_id(tmp_path: Path) -> None:
    with MailProcess(tmp_path, [0, 0]) as mail:
        port = mail.ports["None"][1]
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.login(USERNAME, PASSWORD)
            text = "X-Smtp-Operator: team-a/mail\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n"
            client.sendmail("a@example.com", ["b@example.com"], text)
        (delivery,) = mail.since(0).mails
        assert (delivery.server, delivery.about, delivery.message_id) == (
            port,
            "team-a/mail",
            "<1@example.com>",
        )
