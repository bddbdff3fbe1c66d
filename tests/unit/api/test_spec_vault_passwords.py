# SPDX-License-Identifier: Apache-2.0
"""``spec.password`` that is read through a vault object: what names a password in each product."""

from collections.abc import Callable
from typing import Any

import pytest

Judge = Callable[[dict[str, Any]], str]
Fill = Callable[[dict[str, Any]], dict[str, Any]]

VAULT = {"vaultRef": {"name": "corp"}}


def password(provider: str, **fields: Any) -> dict[str, Any]:
    """A login whose password is read so."""
    return {"username": "mailer", "password": {provider: VAULT | fields}}


ACCEPTED: dict[str, dict[str, Any]] = {
    "Key Vault": password("azureKeyVault", secretName="smtp"),
    "Key Vault, of a version": password("azureKeyVault", secretName="smtp-2", version="0123456789abcdef" * 2),
    "CCP by object": password("cyberArk", safe="Mail", object="smtp-relay"),
    "CCP by account": password("cyberArk", username="mailer", address="smtp.example.com"),
    "CCP with blanks": password("cyberArk", safe="My Safe", folder="Root\\Mail", object="smtp relay"),
    "Conjur": password("cyberArk", variable="prod/smtp/password"),
    "Conjur, of a version": password("cyberArk", variable="prod/smtp/password", version="3"),
    "Vault": password("hashiCorpVault", path="mail/smtp"),
    "Vault, of a key and version": password("hashiCorpVault", path="mail/smtp", key="pass word", version=3),
    "a vault of the cluster": password(
        "hashiCorpVault", vaultRef={"kind": "ClusterSmtpVault", "name": "corp"}, path="mail/smtp"
    ),
}

EITHER = (
    "spec.password.cyberArk: set either variable (Conjur) or safe, folder, object, username or address (CCP)"
)
AZURE_NAME = "must be the name of an Azure Key Vault secret: only letters, digits and hyphens"
AZURE_VERSION = "must be the version of an Azure Key Vault secret: 32 hexadecimal digits"
PATH = "path must be relative to the mount: no slash at either end, no '.', '..', '//', spaces, ?, #, % or \\"

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "CyberArk without anything": (password("cyberArk"), EITHER),
    "CCP and Conjur at once": (password("cyberArk", variable="a", safe="Mail"), EITHER),
    "version of CCP": (
        password("cyberArk", safe="Mail", version="1"),
        "spec.password.cyberArk: version requires variable (Conjur)",
    ),
    "CCP with what CyberArk cannot find": (
        password("cyberArk", safe="R&D"),
        "spec.password.cyberArk.safe: must not contain +, &, %, ; or control or invisible"
        " characters: CyberArk cannot find such values",
    ),
    "Key Vault name that is a path": (
        password("azureKeyVault", secretName="../keys/x"),
        f"spec.password.azureKeyVault.secretName: {AZURE_NAME}",
    ),
    "Key Vault version of another form": (
        password("azureKeyVault", secretName="smtp", version="latest"),
        f"spec.password.azureKeyVault.version: {AZURE_VERSION}",
    ),
    "Vault path with a slash in front": (
        password("hashiCorpVault", path="/mail/smtp"),
        f"spec.password.hashiCorpVault.path: {PATH}",
    ),
    "Vault path upwards": (
        password("hashiCorpVault", path="mail/../../sys/seal"),
        f"spec.password.hashiCorpVault.path: {PATH}",
    ),
    "Vault path that stays where it is": (
        password("hashiCorpVault", path="mail/./smtp"),
        f"spec.password.hashiCorpVault.path: {PATH}",
    ),
    "Vault path with backslashes": (
        password("hashiCorpVault", path="mail\\..\\smtp"),
        f"spec.password.hashiCorpVault.path: {PATH}",
    ),
    "Vault path with an escape": (
        password("hashiCorpVault", path="mail%2f..%2fsys"),
        f"spec.password.hashiCorpVault.path: {PATH}",
    ),
    "Vault path with a query": (
        password("hashiCorpVault", path="mail/smtp?version=1"),
        f"spec.password.hashiCorpVault.path: {PATH}",
    ),
}


@pytest.mark.parametrize("fragment", ACCEPTED.values(), ids=ACCEPTED)
def test_password_of_a_vault_is_accepted(judge: Judge, fragment: dict[str, Any]) -> None:
    assert judge(fragment) == ""


@pytest.mark.parametrize(("fragment", "refusal"), REFUSED.values(), ids=REFUSED)
def test_password_of_a_vault_is_refused(judge: Judge, fragment: dict[str, Any], refusal: str) -> None:
    assert judge(fragment) == refusal


def test_a_vault_is_of_the_namespace_unless_said_otherwise(filled: Fill) -> None:
    vault = filled(password("azureKeyVault", secretName="smtp"))["password"]["azureKeyVault"]["vaultRef"]
    assert vault == {"kind": "SmtpVault", "name": "corp"}


def test_the_key_in_vault_is_password_unless_said_otherwise(filled: Fill) -> None:
    assert filled(password("hashiCorpVault", path="a"))["password"]["hashiCorpVault"]["key"] == "password"
