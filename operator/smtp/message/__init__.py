# SPDX-License-Identifier: Apache-2.0
"""The test email: addresses, envelope and MIME message."""
