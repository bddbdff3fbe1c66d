# SPDX-License-Identifier: Apache-2.0
"""Servers that keep the wire contracts of Azure Key Vault and of an Azure machine's metadata service.

There is no emulator of them to be had. Entra ID is ``smtp_testkit.mailpeers.tokenserver``.
Microsoft's own synchronous clients must be able to use all three: that is what judges them.
"""
