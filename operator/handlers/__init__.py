# SPDX-License-Identifier: Apache-2.0
"""What kopf watches, and what is enqueued then."""
