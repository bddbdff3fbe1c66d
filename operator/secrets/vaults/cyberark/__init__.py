# SPDX-License-Identifier: Apache-2.0
"""CyberArk Central Credential Provider and Conjur."""
