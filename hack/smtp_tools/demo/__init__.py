# SPDX-License-Identifier: Apache-2.0
"""`make demo`: verdicts of real SMTP dialogues, from nothing to `kubectl get smtpconfig`."""
