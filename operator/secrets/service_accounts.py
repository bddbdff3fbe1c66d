# SPDX-License-Identifier: Apache-2.0
"""Request tokens of ServiceAccounts, which identify a namespace's workload without a secret.

A ServiceAccount's token is valid wherever its audience is trusted. So its owner lists the permitted
audiences in an annotation. A token that the API server itself accepts is never sent: at an arbitrary URL,
it would open the cluster.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from smtp_operator.api.errors import AccessDenied, ObjectNotFound, RequestRefused
from smtp_operator.api.names import ALLOWED_AUDIENCES
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, VerdictError, failed

_FIELD: Final = "oauth2.serviceAccountRef"


class ServiceAccounts(Protocol):
    """Access to the ServiceAccounts of a cluster."""

    async def get_service_account(self, namespace: str, name: str) -> JsonObject:
        """Return the ServiceAccount.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        ...

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        """Return a token for this audience, valid for some minutes.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
            RequestRefused: the API server does not issue such a token.
        """
        ...

    async def opens_api_server(self, token: str) -> bool:
        """Return whether the API server accepts the token.

        Raises:
            ApiUnavailable
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUse:
    """A ServiceAccount whose token is needed, and its purpose."""

    namespace: str
    name: str
    audience: str
    field_path: str = _FIELD
    """The field below spec that names it."""
    owner: str = ""
    """The object with this field, if it is not the SmtpConfig itself."""
    phase: Phase = Phase.TOKEN

    @property
    def reference(self) -> Reference:
        """Return the reference to the ServiceAccount."""
        return Reference("ServiceAccount", self.namespace, self.name)

    def __str__(self) -> str:
        """Return text such as ``ServiceAccount team-a/mailer``."""
        return str(self.reference)

    @property
    def owner_suffix(self) -> str:
        """Return the suffix of a field's name that names its object."""
        return f" of {self.owner}" if self.owner else ""

    @property
    def named_by(self) -> str:
        """Return text such as ``named by spec.oauth2.serviceAccountRef``."""
        return f"named by spec.{self.field_path}{self.owner_suffix}"


Note = Callable[[Reference, JsonObject | None], None]
"""Called for each ServiceAccount that was read; None: it does not exist."""


class NoServiceAccounts:
    """ServiceAccounts without a cluster: every request fails."""

    async def get_service_account(self, namespace: str, name: str) -> JsonObject:
        """Raise VerdictError: there is no cluster."""
        use = AccountUse(namespace=namespace, name=name, audience="")
        raise _failed(
            use,
            Reason.SERVICE_ACCOUNT_TOKEN_FAILED,
            f"A token of {use} is available only in its cluster ({use.named_by}). Check the SmtpConfig"
            f" there, by its name and -n {namespace}.",
        )

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        """Raise ObjectNotFound; callers fail earlier, in ``get_service_account``."""
        raise ObjectNotFound(name)

    async def opens_api_server(self, token: str) -> bool:
        """Return True; there is never a token."""
        return True


async def existing_account(accounts: ServiceAccounts, use: AccountUse, note: Note) -> JsonObject:
    """Return the ServiceAccount.

    Raises:
        VerdictError: it does not exist or may not be read.
        ApiUnavailable
    """
    try:
        found = await accounts.get_service_account(use.namespace, use.name)
    except ObjectNotFound:
        note(use.reference, None)
        raise _missing(use) from None
    except AccessDenied:
        raise _denied(use, "read", "get on serviceaccounts") from None
    note(use.reference, found)
    return found


async def allowed_account(accounts: ServiceAccounts, use: AccountUse, note: Note) -> JsonObject:
    """Return the ServiceAccount if its owner allows tokens for this audience.

    Raises:
        VerdictError: it does not exist, may not be read, or does not allow the audience.
        ApiUnavailable
    """
    found = await existing_account(accounts, use, note)
    annotation = (found["metadata"].get("annotations") or {}).get(ALLOWED_AUDIENCES, "")
    if use.audience not in [entry.strip() for entry in annotation.split(",")]:
        raise _failed(
            use,
            Reason.AUDIENCE_NOT_ALLOWED,
            f'{use} does not allow tokens for audience "{use.audience}" ({use.named_by}). Ask its owner'
            f" to add the annotation {ALLOWED_AUDIENCES}: {use.audience}",
        )
    return found


async def account_token(accounts: ServiceAccounts, use: AccountUse) -> str:
    """Return a token of a ServiceAccount that allows it.

    Raises:
        VerdictError: no token was issued, or the API server accepts it.
        ApiUnavailable
    """
    try:
        token = await accounts.request_token(use.namespace, use.name, use.audience)
    except ObjectNotFound:
        raise _missing(use) from None
    except AccessDenied:
        raise _denied(use, "ask for a token of", "create on serviceaccounts/token") from None
    except RequestRefused:
        raise _failed(
            use,
            Reason.SERVICE_ACCOUNT_TOKEN_FAILED,
            f'The API server issues no token of {use} for audience "{use.audience}". Set'
            f" {use.field_path}.audience{use.owner_suffix} to the audience that"
            f" {'the vault' if use.owner else 'the identity provider'} expects.",
        ) from None
    if await accounts.opens_api_server(token):
        usual = (
            "the audience that the vault expects"
            if use.owner
            else "api://AzureADTokenExchange or the audience that your provider expects"
        )
        raise _failed(
            use,
            Reason.AUDIENCE_NOT_ALLOWED,
            f'A token for audience "{use.audience}" would also open the API server, so the operator does'
            f" not send it. Set {use.field_path}.audience{use.owner_suffix} to {usual}.",
            Retry.CONFIGURATION,
        )
    return token


def _missing(use: AccountUse) -> VerdictError:
    return _failed(
        use,
        Reason.SERVICE_ACCOUNT_NOT_FOUND,
        f"{use} does not exist ({use.named_by}). Create it; the test is then repeated automatically.",
    )


def _denied(use: AccountUse, what: str, right: str) -> VerdictError:
    return _failed(
        use,
        Reason.SECRET_ACCESS_DENIED,
        f"The operator may not {what} {use} ({use.named_by}): its role lacks {right} in namespace"
        f" {use.namespace}. Grant it for this ServiceAccount alone, by resourceNames.",
    )


def _failed(use: AccountUse, reason: Reason, message: str, retry: Retry | None = None) -> VerdictError:
    return failed(reason, message, phase=use.phase, retry=retry)
