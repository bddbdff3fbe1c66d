# SPDX-License-Identifier: Apache-2.0
"""The binding of a test's password changes no verdict, also if the operator requires one."""

from typing import Any

import pytest

from smtp_operator.api.verdict import VerdictError
from smtp_operator.cli.kubectl.smtp_tests import bound_to
from smtp_operator.secrets.allowed_servers import check_destination

SETTINGS: list[dict[str, Any]] = [
    {"server": "smtp.example.com", "port": 587},
    {"server": "SMTP.Example.com.", "port": 465, "smtpType": "TLS"},
    {"server": "mail.münchen.example", "port": 587},
    {"server": "192.0.2.1", "port": 25},
    {"server": "192.0.2.1", "port": 587, "tls": {"serverName": "mail.example.com"}},
    {"server": "2001:db8::1", "port": 587, "tls": {"serverName": "mail.example.com"}},
    {"server": "smtp.example.com", "port": 587, "tls": {"serverName": "smtp.example.com"}},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_binding_allows_the_server_and_the_name_of_its_certificate(settings: dict[str, Any]) -> None:
    annotations = {"smtp-operator.io/allowed-servers": bound_to(settings)}
    secret = {"metadata": {"namespace": "team-a", "name": "try", "annotations": annotations}}
    for name in (settings["server"], settings.get("tls", {}).get("serverName", settings["server"])):
        check_destination(secret, server=name, port=settings["port"], verified_tls=True, required=True)
    with pytest.raises(VerdictError):
        check_destination(secret, server="evil.example", port=587, verified_tls=True, required=True)
