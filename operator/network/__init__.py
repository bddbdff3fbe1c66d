# SPDX-License-Identifier: Apache-2.0
"""Name resolution, the destination policy and TLS, for every connection of a test."""
