# SPDX-License-Identifier: Apache-2.0
"""What a release leaves in a cluster: CRDs, objects, statuses, kept for the tests of later releases."""

from smtp_testkit.releases.kept import Release, releases

__all__ = ["Release", "releases"]
