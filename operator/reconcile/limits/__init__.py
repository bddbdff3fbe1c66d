# SPDX-License-Identifier: Apache-2.0
"""What holds a test back: tests, emails and rejected logins per namespace."""
