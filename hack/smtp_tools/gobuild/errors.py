# SPDX-License-Identifier: Apache-2.0
"""Errors of builds."""


class BuildError(Exception):
    """A Go program could not be built; the text says why and what to do."""
