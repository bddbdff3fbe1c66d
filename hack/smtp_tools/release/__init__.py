# SPDX-License-Identifier: Apache-2.0
"""Builds all artifacts of a release into ``dist/``, from inputs that are locked by hash.

`inputs` fetches what the build needs, once. `build` then uses no network, and the same commit gives the same
bytes. `record` keeps what a release stores in a cluster, for the upgrade tests of later releases.
"""
