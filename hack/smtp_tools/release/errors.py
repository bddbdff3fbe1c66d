# SPDX-License-Identifier: Apache-2.0
"""The error of this package."""


class ReleaseError(Exception):
    """The release cannot be built; the message says why and what to do."""
