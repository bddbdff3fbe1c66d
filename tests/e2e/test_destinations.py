# SPDX-License-Identifier: Apache-2.0
"""The destinations of the operator, and its simultaneous connections to each."""

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, StartOperator
from smtp_tools.localcluster import LocalCluster

ANY_PORT = "--allow-smtp-port=1-65535"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_loopback_is_refused_by_default_and_never_connected_to(
    bed: Bed, server: MailServer, start_operator: StartOperator, name: str
) -> None:
    start_operator(ANY_PORT)

    seen = bed.verdict_of(server, server=name)

    assert seen.reason == "DestinationNotAllowed"
    assert server.connections_total == 0


def test_the_api_server_is_refused_by_default(
    bed: Bed, server: MailServer, cluster: LocalCluster, start_operator: StartOperator
) -> None:
    start_operator(ANY_PORT)

    seen = bed.verdict_of(server, port=int(cluster.url.rpartition(":")[2]))

    assert seen.reason == "DestinationNotAllowed"


def test_a_port_that_is_not_listed_is_refused(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    start_operator("--allow-network=127.0.0.0/8")

    seen = bed.verdict_of(server)

    assert seen.reason == "DestinationNotAllowed"
    assert server.connections_total == 0


def test_a_denied_network_wins_over_an_allowed_one(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    start_operator(ANY_PORT, "--allow-network=127.0.0.0/8", "--deny-network=127.0.0.1/32")

    assert bed.verdict_of(server).reason == "DestinationNotAllowed"


def test_a_recipient_of_another_domain_is_refused(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    start_operator(ANY_PORT, "--allow-network=127.0.0.0/8", "--allow-recipient-domain=example.org")

    assert bed.verdict_of(server).reason == "RecipientNotAllowed"
    assert server.connections_total == 0


def test_200_smtpconfigs_of_one_server_have_5_connections_at_a_time_at_most(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    server.reply_delay = 0.01
    names = [f"mail-{number}" for number in range(200)]
    for name in names:
        bed.create(server, name)

    start_operator()  # not before all are due: it may be as quick as they are created

    reasons = {bed.verdict(name).reason for name in names}

    assert reasons == {"TestEmailSent"}
    assert server.connections_max == 5
