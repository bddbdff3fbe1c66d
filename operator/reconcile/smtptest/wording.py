# SPDX-License-Identifier: Apache-2.0
"""Adapt verdicts to SmtpTests: nothing is retried, and settings have another path."""

import re
from dataclasses import replace
from typing import Final

from smtp_operator.api.verdict import Verdict, cut

_AGAIN: Final = "Create another SmtpTest to test again."
_RETRIES: Final = re.compile(
    r"(?:No action needed; t|T)he operator(?: then)? (?:retries|reads it again) [^.]*\."
    r"|It retries automatically\."
)
_STARTS: Final = re.compile(r"; the test (?:then starts|is then repeated) automatically\.")
_AFTERWARDS: Final = re.compile(r"; the operator (?:then )?retries automatically\.")
_PATH: Final = re.compile(r"\bspec\.(?=username|password|oauth2|tls|recipients|from|test\b)")


def for_smtp_test(verdict: Verdict, *, of_settings: bool) -> Verdict:
    """Return a verdict that promises no retry; ``of_settings``: the fields are below ``spec.settings``."""
    message = _RETRIES.sub(_AGAIN, verdict.message)
    message = _AFTERWARDS.sub(f". {_AGAIN}", _STARTS.sub(f". {_AGAIN}", message))
    if of_settings:
        message = _PATH.sub("spec.settings.", message)
    return replace(verdict, message=cut(message))
