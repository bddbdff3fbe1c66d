# SPDX-License-Identifier: Apache-2.0
"""Every reason has a fix that names only existing fields and flags."""

import re
from functools import cache
from typing import Any

import pytest

from smtp_operator.api.crd import structural_schema
from smtp_operator.api.fixes import NO_ACTION, fix_for
from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.settings import FLAGS


@cache
def spec_schema() -> dict[str, Any]:
    return structural_schema(SmtpConfigSpec)


@pytest.mark.parametrize("reason", Reason)
def test_every_fix_is_whole_sentences(reason: Reason) -> None:
    text = fix_for(reason)
    assert text[0].isupper()
    assert text.endswith(".")
    assert (text == NO_ACTION) <= (REASONS[reason].retry is Retry.PASSED)


@pytest.mark.parametrize("reason", Reason)
def test_fields_in_fixes_exist(reason: Reason) -> None:
    schema = spec_schema()
    for path in re.findall(r"\b[Ss]et ([a-z][\w.]*)(?:: | to )", fix_for(reason)):
        child = schema
        for name in path.split("."):
            assert name in child.get("properties", {}), path
            child = child["properties"][name]


@pytest.mark.parametrize("reason", Reason)
def test_flags_in_fixes_exist(reason: Reason) -> None:
    assert set(re.findall(r"--[a-z-]+", fix_for(reason))) <= {flag.option for flag in FLAGS}
