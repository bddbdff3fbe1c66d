# SPDX-License-Identifier: Apache-2.0
"""RFC 6761: names that end in .invalid never exist, and need no lookup."""

import pytest

from smtp_operator.network.resolver import Address, NameNotFound, ThreadedResolver


@pytest.mark.parametrize("name", ["smtp.example.invalid", "SMTP.EXAMPLE.INVALID", "smtp.example.invalid."])
async def test_a_name_that_ends_in_invalid_is_not_found_without_a_lookup(name: str) -> None:
    asked: list[str] = []

    def lookup(asked_for: str) -> tuple[Address, ...]:
        asked.append(asked_for)
        return ()

    resolver = ThreadedResolver(lookup=lookup)

    with pytest.raises(NameNotFound):
        await resolver.addresses(name, limit=1)

    assert asked == []
