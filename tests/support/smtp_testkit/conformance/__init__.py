# SPDX-License-Identifier: Apache-2.0
"""The behavior that all password sources share, and their differences, for `tests/unit/secrets/conformance`.

Each test there is one behavior. Its docstring is the sentence in `docs/reference/password-sources.md`. A
source declares, by the name of the test, where and why it differs, or the reason with which it fails.
"""

from smtp_testkit.conformance.source import ReadPassword, Source

__all__ = ["ReadPassword", "Source"]
