# SPDX-License-Identifier: Apache-2.0
"""Modules for optional settings are loaded only if needed: they would stay in memory."""

import subprocess
import sys
import textwrap

import pytest

LOADED = """\
    import sys
    import smtp_operator.cli.run.command
    print(*sys.modules)
    """


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    """Return the modules of an operator that has just started."""
    command = [sys.executable, "-c", textwrap.dedent(LOADED)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return frozenset(done.stdout.split())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("azure", id="Microsoft's SDK, of Azure Key Vault"),
        pytest.param("msal", id="Microsoft's logins, of Azure Key Vault"),
        pytest.param("hvac", id="the client of HashiCorp Vault"),
        pytest.param("cryptography", id="reading certificates, of TLS"),
        pytest.param("prometheus_client", id="Prometheus, of --metrics-address"),
        pytest.param("smtp_operator.metrics", id="the metrics"),
        pytest.param("smtp_operator.secrets.vaults.azure.provider", id="Azure Key Vault"),
        pytest.param("smtp_operator.secrets.vaults.azure.identity", id="logins to Azure"),
        pytest.param(
            "smtp_operator.secrets.vaults.cyberark.ccp", id="CyberArk's Central Credential Provider"
        ),
        pytest.param("smtp_operator.secrets.vaults.cyberark.conjur", id="CyberArk Conjur"),
        pytest.param("smtp_operator.secrets.vaults.hashicorp.provider", id="HashiCorp Vault"),
        pytest.param("imapclient", id="the client of mailboxes"),
        pytest.param("imaplib", id="the protocol of mailboxes"),
        pytest.param("authres", id="results of SPF, DKIM and DMARC"),
        pytest.param("smtp_operator.imap.session", id="mailboxes"),
        pytest.param("smtp_operator.cli.check.command", id="the command check"),
        pytest.param("smtp_operator.cli.kubectl", id="kubectl smtp"),
    ],
)
def test_modules_are_loaded_if_needed(loaded: frozenset[str], name: str) -> None:
    assert not {it for it in loaded if it == name or it.startswith(f"{name}.")}


def test_of_the_clients_700_generated_models_only_those_that_kopf_names_are_loaded(
    loaded: frozenset[str],
) -> None:
    models = {it.rpartition(".")[2] for it in loaded if it.startswith("kubernetes.client.models.")}
    assert models == {"v1_managed_fields_entry", "v1_object_meta", "v1_owner_reference"}
