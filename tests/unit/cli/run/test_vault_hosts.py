# SPDX-License-Identifier: Apache-2.0
"""The allowed vault hosts by the flags."""

import ipaddress

import pytest

from smtp_operator.cli.run.vault_hosts import allowed_hosts
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.settings import Settings


@pytest.mark.parametrize(
    ("denied", "allowed", "asked"),
    [
        ([], [], True),
        ([], ["192.0.2.0/24"], False),
        ([], ["192.0.2.0/24", "169.254.169.254/32"], True),
        (["192.0.2.0/24"], [], True),
        (["169.254.169.254/32"], [], False),
        (["169.254.0.0/16"], ["169.254.169.254/32"], False),
        (["0.0.0.0/0"], [], False),
    ],
)
def test_the_metadata_service_is_allowed_unless_flags_deny_it(
    denied: list[str], allowed: list[str], asked: bool
) -> None:
    policy = DestinationPolicy(
        allow_networks=map(ipaddress.ip_network, allowed), deny_networks=map(ipaddress.ip_network, denied)
    )
    assert allowed_hosts(Settings(), policy).metadata is asked


def test_azure_hosts_come_from_the_flags() -> None:
    settings = Settings(allow_authority_host=("login.example.com",), allow_key_vault_host=("kv.example.com",))
    found = allowed_hosts(settings, DestinationPolicy())
    assert found.authorities == frozenset({"login.example.com"})
    assert found.key_vaults == frozenset({"kv.example.com"})
