# SPDX-License-Identifier: Apache-2.0
"""A vault that only a CA without its owner's consent verifies gets no login that is bound to its servers."""

from collections.abc import Iterator

import pytest

from smtp_operator.network.trust import NotAdmitted
from smtp_testkit.conformance.source import PASSWORD, VaultSource
from smtp_testkit.conformance.sources import SOURCES

VAULTS = [it for it in SOURCES if issubclass(it, VaultSource)]
LEFT_OUT = NotAdmitted(
    field="caRef of SmtpVault team-a/corp",
    owner="Secret team-a/login",
    annotation="smtp-operator.io/allowed-ca",
    fingerprints=("ab" * 32,),
)


@pytest.fixture(params=VAULTS, ids=[it.column for it in VAULTS])
def vault(request: pytest.FixtureRequest) -> Iterator[VaultSource]:
    """A vault with the password."""
    with request.param.opened(request.getfixturevalue) as made:
        made.write(PASSWORD)
        yield made


async def test_a_ca_that_is_not_admitted_redirects_no_login(vault: VaultSource) -> None:
    vault.named.left_out = LEFT_OUT

    verdict = await vault.verdict()

    assert verdict.reason == "CaNotAllowed"
    assert "ask the owner to add it to the annotation smtp-operator.io/allowed-ca: abab" in verdict.message


async def test_the_name_of_the_vault_is_looked_up_without_search_domains(vault: VaultSource) -> None:
    vault.named.left_out = LEFT_OUT
    await vault.verdict()

    assert vault.names.absolute
    assert set(vault.names.absolute) == set(vault.names.asked)
