# SPDX-License-Identifier: Apache-2.0
"""The keys of ``-o json`` and their meaning, for the reference."""

from typing import Final

JSON_KEYS: Final = {
    "list": {
        "exitCode": "exit code of the command",
        "items": "one object per SmtpConfig, sorted by namespace and name",
    },
    "item": {
        "namespace": "namespace of the SmtpConfig",
        "name": "name of the SmtpConfig",
        "server": "`spec.server`",
        "passed": "whether the test of the current spec passed; null: no verdict",
        "reason": "reason of the Ready condition; null: no verdict on the current spec",
        "message": "message of the Ready condition",
        "summary": "the verdict in at most 80 characters",
        "phase": "phase that failed; null: none",
        "retry": "[retry class](schedule.md) of the reason",
        "exitCode": "exit code of this SmtpConfig",
        "since": "last change of the status of Ready",
        "nextTestTime": "as in status",
        "lastSuccessTime": "as in status",
        "underTest": "whether a test is running for over a second",
        "suspended": "`spec.suspend`",
        "conditions": "as in status",
        "test": "`status.lastTest`",
        "password": "`status.password`",
        "suggestion": "`status.suggestion`",
        "published": "`status.published`",
        "binding": "`status.binding`",
        "lastHandledTestRequest": "as in status",
        "error": "why `test` got no verdict; null: it got one",
        "smtpTest": "name of the SmtpTest that ran the test; null: the SmtpConfig was tested",
    },
    "vault": {
        "kind": "SmtpVault or ClusterSmtpVault",
        "namespace": "namespace; null: a ClusterSmtpVault",
        "name": "name of the vault object",
        "provider": "`status.provider`",
        "passed": "whether the operator could log in; null: it has not tried yet",
        "reason": "reason of the Ready condition; null: no result for the current spec",
        "message": "message of the Ready condition",
        "summary": "the result in at most 80 characters",
        "nextCheckTime": "as in status",
    },
    "explain": {
        "reason": "name of the reason",
        "meaning": "what it means",
        "mends": "how to fix it",
        "retry": "[retry class](schedule.md)",
        "nextTest": "time of the next automatic test, counted from the end of the last one",
        "condition": "condition in addition to Ready=False until then",
        "page": "path of the reason's page, or its address with `--docs-url`",
    },
    "version": {
        "client": "version of the plug-in",
        "operators": "`namespace`, `name` and `version` of each Deployment; with `--client` empty",
    },
    "suggest": {
        "namespace": "namespace of the SmtpConfig",
        "name": "name of the SmtpConfig",
        "patch": "a merge patch",
        "command": "command that applies the patch",
    },
}
