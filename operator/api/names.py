# SPDX-License-Identifier: Apache-2.0
"""Names that manifests, pipelines and other people's tests are written against. Never rename one."""

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

CATEGORY: Final = "smtp-operator"

TEST_REQUESTED_AT: Final = f"{GROUP}/test-requested-at"
"""Annotation on a SmtpConfig; a new value asks for one test."""

ALLOWED_SERVERS: Final = f"{GROUP}/allowed-servers"
"""Annotation on a Secret: comma-separated ``host:port`` to which its values may be sent."""

ALLOWED_CA: Final = f"{GROUP}/allowed-ca"
"""Annotation on what ``allowed-servers`` binds: comma-separated SHA-256 of CA certificates of a ``caRef``."""

ALLOWED_AUDIENCES: Final = f"{GROUP}/allowed-audiences"
"""Annotation on a ServiceAccount: comma-separated audiences for which its tokens may be asked for."""

WATCH_LABEL: Final = f"{GROUP}/watch"
"""Label of the Secrets, ConfigMaps and ServiceAccounts that ``--secret-watch label`` follows."""

FIELD_MANAGER: Final = "smtp-operator"
