# SPDX-License-Identifier: Apache-2.0
"""What all sources of passwords have in common, and where one differs, for `tests/unit/secrets/conformance`.

Each test there is a behaviour, its docstring the sentence that `docs/reference/password-sources.md` shows. A
source says by the name of the test where it differs and why, or with which reason it fails.
"""

from smtp_testkit.conformance.source import Found, Source

__all__ = ["Found", "Source"]
