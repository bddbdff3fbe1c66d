# SPDX-License-Identifier: Apache-2.0
"""Access Kubernetes: client, status writer, Events, metadata informer and leader election."""
