# SPDX-License-Identifier: Apache-2.0
"""Servers with the wire contracts of Azure Key Vault and of an Azure machine's metadata service.

No emulator of them exists. Entra ID is ``smtp_testkit.mailpeers.tokenserver``.
Microsoft's own synchronous clients must work with all three servers, which proves the servers right.
"""
