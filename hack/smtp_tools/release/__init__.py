# SPDX-License-Identifier: Apache-2.0
"""Records what a release stores in a cluster, for the upgrade tests of later releases."""
