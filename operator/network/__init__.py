# SPDX-License-Identifier: Apache-2.0
"""What every connection of a test goes through: names, the policy of destinations, TLS."""
