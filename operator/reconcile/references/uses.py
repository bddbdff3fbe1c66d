# SPDX-License-Identifier: Apache-2.0
"""Find the objects that a SmtpConfig or a vault object names."""

from collections.abc import Iterator
from typing import NamedTuple

from smtp_operator.api.objects import Reference
from smtp_operator.api.server_fields import OAuth2
from smtp_operator.api.smtpconfig import SmtpConfigSpec
from smtp_operator.api.vaultobject import VaultObject
from smtp_operator.api.verdict import Trigger
from smtp_operator.secrets.vaults.password_source import reference_of


class ReferenceUse(NamedTuple):
    """A key of an object that a SmtpConfig references; a change of it starts a test with this trigger."""

    reference: Reference
    data_key: str
    trigger: Trigger


def references_of(spec: SmtpConfigSpec, namespace: str) -> tuple[ReferenceUse, ...]:
    """Return all objects that the spec references, whether they exist or not."""
    uses = []
    if spec.username_ref is not None:
        secret = Reference("Secret", namespace, spec.username_ref.name)
        uses.append(ReferenceUse(secret, spec.username_ref.key, Trigger.PASSWORD_CHANGED))
    if spec.password is not None and spec.password.secret_ref is not None:
        secret = Reference("Secret", namespace, spec.password.secret_ref.name)
        uses.append(ReferenceUse(secret, spec.password.secret_ref.key, Trigger.PASSWORD_CHANGED))
    if spec.password is not None and spec.password.vault_item is not None:
        vault = reference_of(spec.password.vault_item.vault_ref, namespace)
        uses.append(ReferenceUse(vault, "", Trigger.DEPENDENCY_CHANGED))
    if spec.oauth2 is not None:
        uses += _of_oauth2(spec.oauth2, namespace)
    if spec.tls is not None and spec.tls.ca_ref is not None:
        bundle = Reference(spec.tls.ca_ref.kind, namespace, spec.tls.ca_ref.name)
        uses.append(ReferenceUse(bundle, spec.tls.ca_ref.key, Trigger.DEPENDENCY_CHANGED))
    if spec.tls is not None and spec.tls.client_certificate_ref is not None:
        pair = Reference("Secret", namespace, spec.tls.client_certificate_ref.name)
        uses += [ReferenceUse(pair, key, Trigger.DEPENDENCY_CHANGED) for key in ("tls.crt", "tls.key")]
    return tuple(uses)


def mailbox_settings(spec: SmtpConfigSpec) -> SmtpConfigSpec | None:
    """Return the login to the mailbox as the settings of a mail server; None if there is no mailbox.

    Both have the same fields, so that one code reads the credentials and binds them to their server.
    """
    if spec.delivery is None:
        return None
    mailbox = spec.delivery.mailbox
    settings = mailbox.model_dump(
        by_alias=True, exclude_unset=True, exclude={"imap_type", "inbox", "junk", "keep"}
    )
    settings |= {"port": mailbox.port, "smtpType": str(mailbox.imap_type), "from": spec.from_}
    return SmtpConfigSpec.model_validate(settings)


def _of_oauth2(oauth2: OAuth2, namespace: str) -> Iterator[ReferenceUse]:
    """Yield the uses of ``spec.oauth2``; each edit of a ServiceAccount, which has no key, is in doubt."""
    if oauth2.service_account_ref is not None:
        account = Reference("ServiceAccount", namespace, oauth2.service_account_ref.name)
        yield ReferenceUse(account, "", Trigger.DEPENDENCY_CHANGED)
    for secret in (oauth2.client_secret_ref, oauth2.refresh_token_ref):
        if secret is not None:
            named = Reference("Secret", namespace, secret.name)
            yield ReferenceUse(named, secret.key, Trigger.PASSWORD_CHANGED)
    if oauth2.ca_ref is not None:
        bundle = Reference(oauth2.ca_ref.kind, namespace, oauth2.ca_ref.name)
        yield ReferenceUse(bundle, oauth2.ca_ref.key, Trigger.DEPENDENCY_CHANGED)


def uses_of_vault(vault: VaultObject) -> tuple[ReferenceUse, ...]:
    """Return what a vault object references; a change affects all objects that read through that vault."""
    return tuple(
        ReferenceUse(it.reference, it.data_key, Trigger.DEPENDENCY_CHANGED) for it in vault.references()
    )
