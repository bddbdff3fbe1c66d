# SPDX-License-Identifier: Apache-2.0
"""No message of a verdict promises a SmtpTest a retry, which it never gets."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Verdict
from smtp_operator.reconcile.smtptest.wording import for_smtp_test

OPERATOR = Path(__file__).parents[4] / "operator"
SOURCES = [
    path
    for path in sorted(OPERATOR.rglob("*.py"))
    if path.relative_to(OPERATOR).parts[0] in ("secrets", "smtp", "network", "reconcile")
    # A SmtpTest that a limit holds back is started automatically; it has neither delivery nor publish.
    and not {"limits", "delivery", "publish", "smtptest"} & {*path.relative_to(OPERATOR).parts}
]
PROMISE = re.compile(
    r"automatically|the operator (?:then )?(?:retries|tries|reads|starts|repeats)", re.IGNORECASE
)


def sentences(path: Path) -> Iterator[str]:
    """Yield the texts of a module that promise something, with X in place of each value."""
    parts: set[ast.AST] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        text = None
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
            text = "".join(str(it.value) if isinstance(it, ast.Constant) else "X" for it in node.values)
        elif isinstance(node, ast.Expr):  # a docstring
            parts.add(node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            text = node.value
        if text is not None and PROMISE.search(text) and " " in text:
            yield text if text.endswith(".") else f"{text}."


PROMISES = [(path.name, text) for path in SOURCES for text in sentences(path)]


@pytest.mark.parametrize(
    "text", [text for _, text in PROMISES], ids=[f"{it[0]}: {it[1][-60:]}" for it in PROMISES]
)
def test_a_promised_retry_becomes_a_request_for_another_smtp_test(text: str) -> None:
    verdict = Verdict(reason=Reason.VAULT_UNAVAILABLE, message=text, retry=Retry.TRANSIENT)
    message = for_smtp_test(verdict, of_settings=True).message
    assert not PROMISE.search(message)
    assert "reate another SmtpTest to test again." in message


def test_the_promises_are_found() -> None:
    assert len(PROMISES) > 10
