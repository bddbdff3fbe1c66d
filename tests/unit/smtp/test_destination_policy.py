# SPDX-License-Identifier: Apache-2.0
"""Destinations that are denied by default, and the flags that change them."""

import ipaddress

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.network.destination import DestinationPolicy, Network
from smtp_operator.setting_parsers import PortRange
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial


def networks(*texts: str) -> list[Network]:
    return [ipaddress.ip_network(text) for text in texts]


def allows(policy: DestinationPolicy, address: str) -> bool:
    return policy.allows(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "::1",
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "224.0.0.1",
        "239.255.255.255",
        "ff02::1",
        "0.0.0.0",
        "::",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::168.63.129.16",
        "0.1.2.3",
        "240.0.0.1",
        "255.255.255.255",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fec0::1",
        "::10.0.0.1",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:ffff::10.0.0.1",
        "::ffff:0:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "2002:a00:1::1",
        "2001:0:a9fe:a9fe::1",
        "2001:0:c000:201:0:3fff:5601:5601",
    ],
)
def test_denied_by_default(address: str) -> None:
    assert not allows(DestinationPolicy(), address)


@pytest.mark.parametrize(
    "address",
    ["192.0.2.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "2001:db8::1", "fd00::1", "64:ff9b::c000:201"],
)
def test_allowed_by_default(address: str) -> None:
    assert allows(DestinationPolicy(), address)


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:192.0.2.1",
        "64:ff9b::192.0.2.1",
        "64:ff9b:1::192.0.2.1",
        "::ffff:0:192.0.2.1",
        "::192.0.2.1",
        "2002:c000:201::1",
        "2001:0:c000:201::1",
        "2001:0:cb00:7101:0:3fff:3fff:fdfe",
    ],
)
def test_a_denied_network_is_not_reached_through_a_translated_or_tunneled_address(address: str) -> None:
    policy = DestinationPolicy(
        allow_networks=networks("::/0", "0.0.0.0/0"), deny_networks=networks("192.0.2.0/24")
    )

    assert not allows(policy, address)


def test_an_allowed_network_does_not_allow_the_tunnels_to_it() -> None:
    assert not allows(DestinationPolicy(allow_networks=networks("192.0.2.0/24")), "2002:c000:201::1")


def test_the_api_server_is_denied_by_default_however_it_is_written() -> None:
    policy = DestinationPolicy(api_server=[ipaddress.ip_address("10.96.0.1")])

    assert not allows(policy, "10.96.0.1")
    assert not allows(policy, "::ffff:10.96.0.1")
    assert allows(policy, "10.96.0.2")


def test_with_any_allowed_network_nothing_else_is_allowed() -> None:
    policy = DestinationPolicy(allow_networks=networks("10.1.0.0/16"))

    assert allows(policy, "10.1.2.3")
    assert allows(policy, "::ffff:10.1.2.3")
    assert not allows(policy, "10.2.0.1")
    assert not allows(policy, "192.0.2.1")
    assert not allows(policy, "2001:db8::1")


def test_what_an_allowed_network_names_is_allowed_even_if_denied_by_default() -> None:
    policy = DestinationPolicy(
        allow_networks=networks("127.0.0.0/8", "10.96.0.1/32"), api_server=[ipaddress.ip_address("10.96.0.1")]
    )

    assert allows(policy, "127.0.0.1")
    assert allows(policy, "10.96.0.1")


def test_a_denied_network_always_wins() -> None:
    policy = DestinationPolicy(
        allow_networks=networks("10.0.0.0/8"), deny_networks=networks("10.9.0.0/16", "2001:db8::/32")
    )

    assert allows(policy, "10.8.0.1")
    assert not allows(policy, "10.9.0.1")
    assert not allows(policy, "::ffff:10.9.0.1")
    assert not allows(DestinationPolicy(deny_networks=networks("192.0.2.0/24")), "192.0.2.1")


@pytest.mark.parametrize("port", [25, 465, 587, 2465, 2525, 2587])
def test_smtp_ports_are_allowed_by_default(port: int) -> None:
    assert DestinationPolicy().allows_port(port)


@pytest.mark.parametrize("port", [22, 80, 110, 443, 993, 6443, 10250])
def test_other_ports_are_not(port: int) -> None:
    assert not DestinationPolicy().allows_port(port)


def test_ports_may_be_ranges() -> None:
    policy = DestinationPolicy(ports=[PortRange(2500, 2599), PortRange(587, 587)])

    assert policy.allows_port(2500)
    assert policy.allows_port(2599)
    assert policy.allows_port(587)
    assert not policy.allows_port(25)


async def test_a_denied_address_is_named_and_nothing_of_what_is_there(
    trial: Trial, mailserver: MailServer
) -> None:
    trial.policy = DestinationPolicy(ports=[PortRange(1, 65535)])

    report = await trial(mailserver.plain_port)

    assert report.verdict.reason is Reason.DESTINATION_NOT_ALLOWED
    assert report.verdict.message == (
        "127.0.0.1 is in a range that the cluster admin has not allowed [in Resolve]. "
        "Ask the cluster admin to add the range to the operator's --allow-network."
    )
    assert mailserver.connections_total == 0


async def test_a_denied_port_is_not_even_resolved(trial: Trial) -> None:
    trial.policy = DestinationPolicy()

    report = await trial(22)

    assert report.verdict.reason is Reason.DESTINATION_NOT_ALLOWED
    assert report.verdict.message == (
        "The cluster admin has not allowed port 22, only 25, 465, 587, 2465, 2525, 2587. "
        "Set port: 587 or another allowed port, or ask the cluster admin to add this port to the "
        "operator's --allow-smtp-port."
    )
    assert trial.names.asked == []


async def test_of_several_addresses_the_allowed_ones_are_used(trial: Trial, mailserver: MailServer) -> None:
    trial.names.known["mail.example.com"] = ("169.254.169.254", "127.0.0.1")
    trial.policy = DestinationPolicy(allow_networks=networks("127.0.0.1/32"), ports=trial.policy.ports)

    report = await trial(mailserver.plain_port, server="mail.example.com")

    assert report.verdict.passed


async def test_a_name_that_moves_to_a_denied_address_meanwhile_is_not_followed(
    trial: Trial, mailserver: MailServer
) -> None:
    """Connect to the checked address (DNS rebinding)."""
    trial.names.known["mail.example.com"] = ("127.0.0.1",)

    await trial(mailserver.plain_port, server="mail.example.com")

    assert trial.names.asked == ["mail.example.com"]
