# SPDX-License-Identifier: Apache-2.0
"""Compare resourceVersions."""


def is_newer(one: str, other: str) -> bool:
    """Return whether the first resourceVersion is of a later state than the second."""
    # Ordered numbers since Kubernetes 1.35 (KEP-5504); if they are not, every version counts as newer.
    if one.isdecimal() and other.isdecimal():
        return int(one) > int(other)
    return one != other
