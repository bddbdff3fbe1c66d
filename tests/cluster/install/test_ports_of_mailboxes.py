# SPDX-License-Identifier: Apache-2.0
"""The NetworkPolicy of the chart opens the ports of mailboxes only with `delivery.enabled`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtp_testkit.testbed.rendered import the

if TYPE_CHECKING:
    from tests.cluster.install.conftest import Render


def test_it_allows_imap_only_with_delivery(render: Render) -> None:
    def ports(*values: str) -> set[int]:
        rendered = render("--set", ",".join(["networkPolicy.enabled=true", *values]))
        rules = the(rendered, "NetworkPolicy")["spec"]["egress"]
        return {it["port"] for it in rules[2]["ports"]}

    assert not {993, 143} & ports()
    assert ports("delivery.enabled=true") >= {993, 143}
    assert ports("delivery.enabled=true", "delivery.allowedImapPorts={1993}") & {993, 143, 1993} == {1993}
