# SPDX-License-Identifier: Apache-2.0
"""CyberArk's two servers of passwords, as far as clients see them; for tests and by hand.

No such server is to be had from the registries. These keep the wire contracts that were measured, and
clients of other people (``pyaim``, ``aiobastion``, ``conjur-api``, ``requests``) judge them in ``tests/``.
"""
