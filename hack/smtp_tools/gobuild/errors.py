# SPDX-License-Identifier: Apache-2.0
"""What can go wrong."""


class BuildError(Exception):
    """A Go program could not be built; the text says why and what to do."""
