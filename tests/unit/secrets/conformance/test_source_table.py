# SPDX-License-Identifier: Apache-2.0
"""The table in docs/reference/password-sources.md names only existing tests."""

from smtp_operator.api.smtpvault import Provider
from smtp_testkit.conformance.reference import unknown_tests
from smtp_testkit.conformance.sources import SOURCES


def test_every_declaration_is_of_a_test_that_exists() -> None:
    assert list(unknown_tests()) == []


def test_every_source_that_a_status_may_show_is_in_the_table() -> None:
    assert {it.column for it in SOURCES} == {"InputText", "KubernetesSecret", "OAuth2", *Provider}
