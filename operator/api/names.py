# SPDX-License-Identifier: Apache-2.0
"""Names of the public API, which manifests and pipelines use. Never rename one."""

from typing import Final

GROUP: Final = "smtp-operator.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

SMTP_CONFIG_KIND: Final = "SmtpConfig"
SMTP_CONFIG_PLURAL: Final = "smtpconfigs"

SMTP_VAULT_KIND: Final = "SmtpVault"
SMTP_VAULT_PLURAL: Final = "smtpvaults"
CLUSTER_SMTP_VAULT_KIND: Final = "ClusterSmtpVault"
CLUSTER_SMTP_VAULT_PLURAL: Final = "clustersmtpvaults"

SMTP_TEST_KIND: Final = "SmtpTest"
SMTP_TEST_PLURAL: Final = "smtptests"

CATEGORY: Final = "smtp-operator"

TEST_REQUESTED_AT: Final = f"{GROUP}/test-requested-at"
"""Annotation on a SmtpConfig; a new value requests one test."""

ALLOWED_SERVERS: Final = f"{GROUP}/allowed-servers"
"""Annotation on a Secret: comma-separated ``host:port`` of servers that may receive its values."""

ALLOWED_CA: Final = f"{GROUP}/allowed-ca"
"""Annotation next to ``allowed-servers``: comma-separated SHA-256 of the CA certificates of a ``caRef``."""

ALLOWED_AUDIENCES: Final = f"{GROUP}/allowed-audiences"
"""Annotation on a ServiceAccount: comma-separated audiences of tokens that may be requested."""

ALLOW_PUBLISH: Final = f"{GROUP}/allow-publish"
"""Annotation next to ``allowed-servers``: ``"true"`` allows ``spec.publish`` to copy the values."""

PUBLISHED_LABEL: Final = f"{GROUP}/published"
"""Label of the Secrets that the operator publishes; it may write no others."""

WATCH_LABEL: Final = f"{GROUP}/watch"
"""Label of the Secrets, ConfigMaps and ServiceAccounts that ``--secret-watch label`` watches."""

FIELD_MANAGER: Final = "smtp-operator"
