# SPDX-License-Identifier: Apache-2.0
"""Recorded releases: CRDs, objects and statuses, for the upgrade tests of later releases."""

from smtp_testkit.releases.kept import Release, releases

__all__ = ["Release", "releases"]
