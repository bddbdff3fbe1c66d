# SPDX-License-Identifier: Apache-2.0
"""An authorizer check costs 350,000 of the 1,000,000 units of an expression: one per validation, no more."""

from smtp_tools.generate.policies import policy_groups

CHECK = 350_000
LIMIT = 1_000_000


def test_each_validation_has_one_check_at_most() -> None:
    expressions = [
        validation["expression"]
        for documents in policy_groups().values()
        for it in documents
        for validation in it["spec"].get("validations", ())
    ]
    worst = max(expression.count(".check(") for expression in expressions)
    assert worst == 1
    assert worst * CHECK < LIMIT
