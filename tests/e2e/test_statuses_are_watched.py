# SPDX-License-Identifier: Apache-2.0
"""The watch that checks every status in tests with a control plane really receives all statuses."""

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Api, Bed, Object
from smtp_testkit.testbed.status_watch import StatusWatch
from smtp_testkit.testbed.users import object_of, path_of

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("operator")]

CCP: Object = {"url": "https://ccp.example.com:1", "appId": "smtp-operator"}
BY_CERTIFICATE: Object = {**CCP, "clientCertificateRef": {"name": "login"}}


def test_each_verdict_is_seen_and_good(bed: Bed, server: MailServer, statuses: StatusWatch) -> None:
    bed.verdict_of(server)
    bed.change(recipients={"to": ["second@example.com"]})
    bed.verdict()

    assert statuses.complaints() == []
    assert statuses.writes(bed.namespace) >= 2  # a test of more than a second also writes its progress


@pytest.mark.parametrize(("kind", "block"), [("SmtpVault", BY_CERTIFICATE), ("ClusterSmtpVault", CCP)])
def test_so_are_those_of_vault_objects(
    kind: str, block: Object, bed: Bed, api: Api, statuses: StatusWatch
) -> None:
    path = path_of(kind, bed.namespace)
    namespace = bed.namespace if kind == "SmtpVault" else ""
    before = statuses.writes(namespace)
    api.create(path, object_of(kind, {"cyberArkCCP": block, "allowedServers": ["*:*"]}))
    try:
        api.wait(path, "one", lambda it: it["status"]["observedGeneration"] == 1)

        assert statuses.complaints() == []
        assert statuses.writes(namespace) == before + 1
    finally:
        api.delete(f"{path}/one")
