# SPDX-License-Identifier: Apache-2.0
"""CyberArk's two password servers, as clients see them; for tests and for use by hand.

No registry has such a server. These follow the observed wire contracts. Clients of other authors
(``pyaim``, ``aiobastion``, ``conjur-api``, ``requests``) verify them in ``tests/``.
"""
