# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes side: client, status writer, Events, metadata watch."""
