# SPDX-License-Identifier: Apache-2.0
"""Which of two states of an object came later."""


def is_newer(one: str, other: str) -> bool:
    """Whether the one resourceVersion is of a later state than the other."""
    # Ordered numbers since Kubernetes 1.35 (KEP-5504); where they are not, everything is news.
    if one.isdecimal() and other.isdecimal():
        return int(one) > int(other)
    return one != other
