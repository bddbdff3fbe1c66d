# SPDX-License-Identifier: Apache-2.0
"""The demo shows a delivered email if Dovecot is installed, and says nothing of it otherwise."""

import io
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
import yaml

from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.session import ReceivedMail
from smtp_tools.demo import play
from smtp_tools.demo.mailbox import PROBE, DeliveringServer, Mailbox, Programs
from smtp_tools.demo.samples import write_sample_of_delivery
from smtp_tools.demo.terminal import Terminal


def installed(folder: Path, *, version: str = "2.3.19.1", lacks: str = "") -> Programs | None:
    """Return what the demo finds of a Dovecot that stops at once, and keeps an email in a file."""
    scripts = {
        "dovecot": f"[ $1 = --version ] && echo '{version} (9b53102964)' || {{ echo no room; exit 89; }}",
        "imap": "",
        "dovecot-lda": f'echo "$@" > {folder}/arguments; cat > {folder}/email',
    }
    for name in scripts.keys() - {lacks}:
        (folder / name).write_text(f"#!/bin/sh\n{scripts[name]}\n")
        (folder / name).chmod(0o755)
    return Programs.found({"PATH": str(folder)}, [str(folder)])


def mailbox(folder: Path) -> Mailbox:
    programs = installed(folder)
    assert programs is not None
    ca = trustme.CA().cert_pem.bytes().decode()
    return Mailbox(port=993, password="pw", ca_pem=ca, folder=folder, programs=programs)


def test_dovecot_is_found(tmp_path: Path) -> None:
    assert installed(tmp_path) == Programs(tmp_path / "dovecot", tmp_path / "dovecot-lda")


@pytest.mark.parametrize("lacks", ["imap", "dovecot-lda"])
def test_a_package_of_dovecot_is_missing(tmp_path: Path, lacks: str) -> None:
    assert installed(tmp_path, lacks=lacks) is None


@pytest.mark.parametrize("version", ["2.4.0", "2.2.36", ""])
def test_another_syntax_of_its_configuration(tmp_path: Path, version: str) -> None:
    assert installed(tmp_path, version=version) is None


def test_without_dovecot_the_demo_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    out, err = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        assert play.mailbox_of(stack, Terminal(out, err)) is None
    assert (out.getvalue(), err.getvalue()) == ("", "")


def test_a_dovecot_that_does_not_start_only_costs_this_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = installed(tmp_path)
    monkeypatch.setattr(Programs, "found", lambda: programs)
    out, err = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        assert play.mailbox_of(stack, Terminal(out, err)) is None
    assert out.getvalue() == ""
    assert err.getvalue().startswith(
        "  The demo shows no delivered email: Dovecot does not start: no room\nThe whole log: "
    )


def test_only_emails_to_the_probe_are_delivered(tmp_path: Path) -> None:
    server = DeliveringServer(mailbox(tmp_path))
    content = b"Subject: 1\r\n\r\n"
    for recipients in (("ops@example.com",), ("ops@example.com", PROBE)):
        assert not (tmp_path / "email").exists()
        server.received(ReceivedMail("a@example.com", recipients, content, None, tls=False))
    assert (tmp_path / "email").read_bytes() == content
    assert (tmp_path / "arguments").read_text() == (
        f"-c {tmp_path}/dovecot.conf -d probe@example.com -f a@example.com\n"
    )
    assert len(server.mails) == 2


def test_the_sample_is_valid(tmp_path: Path) -> None:
    with MailServer.in_thread() as server:
        write_sample_of_delivery(tmp_path, server, mailbox(tmp_path))
        port = server.starttls_port
    secret, ca, config = yaml.safe_load_all((tmp_path / "arrives.yaml").read_text())
    spec = SmtpConfigSpec.model_validate(config["spec"])
    assert spec.delivery is not None
    assert (spec.port, spec.delivery.address) == (port, PROBE)
    assert (secret["stringData"], list(ca["data"])) == ({"password": "pw"}, ["ca.crt"])
