# SPDX-License-Identifier: Apache-2.0
"""Tokens of ServiceAccounts, for others to know a namespace's workload by: no secret at all.

A ServiceAccount's token speaks for it wherever its audience is trusted. So its owner says by an annotation
which audiences may be asked for, and one that the API server itself trusts is never asked for in earnest:
such a token, sent to a URL of somebody's choice, would open the cluster.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from smtp_operator.api.names import ALLOWED_AUDIENCES
from smtp_operator.api.objects import AccessDenied, JsonObject, ObjectNotFound, Reference, RequestRefused
from smtp_operator.api.reasons import REASONS, Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict, VerdictError

_FIELD: Final = "oauth2.serviceAccountRef"


class ServiceAccounts(Protocol):
    """ServiceAccounts as the API server has them."""

    async def get_service_account(self, namespace: str, name: str) -> JsonObject:
        """The object.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
        """
        ...

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        """A token of it for that audience, good for some minutes.

        Raises:
            ObjectNotFound, AccessDenied, ApiUnavailable
            RequestRefused: the API server issues none such.
        """
        ...

    async def opens_api_server(self, token: str) -> bool:
        """Whether the API server knows a user by that token.

        Raises:
            ApiUnavailable
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountUse:
    """A ServiceAccount whose token is asked for, and what for."""

    namespace: str
    name: str
    audience: str
    field_path: str = _FIELD
    """The field that names it, below spec."""
    owner: str = ""
    """The object of that field, where it is not the SmtpConfig itself."""
    phase: Phase = Phase.TOKEN

    @property
    def reference(self) -> Reference:
        """It as a named object."""
        return Reference("ServiceAccount", self.namespace, self.name)

    def __str__(self) -> str:
        """Such as ``ServiceAccount team-a/mailer``."""
        return str(self.reference)

    @property
    def of(self) -> str:
        """Behind the name of a field: whose it is."""
        return f" of {self.owner}" if self.owner else ""

    @property
    def named_by(self) -> str:
        """Such as ``named by spec.oauth2.serviceAccountRef``."""
        return f"named by spec.{self.field_path}{self.of}"


Note = Callable[[Reference, JsonObject | None], None]
"""Is told of each ServiceAccount that was looked at; None: there is none."""


class NoServiceAccounts:
    """Where there is no cluster to ask for one."""

    async def get_service_account(self, namespace: str, name: str) -> JsonObject:
        """Never."""
        use = AccountUse(namespace=namespace, name=name, audience="")
        raise _failed(
            use,
            Reason.SERVICE_ACCOUNT_TOKEN_FAILED,
            f"A token of {use} is available only in its cluster ({use.named_by}). Check the SmtpConfig"
            f" there, by its name and -n {namespace}.",
        )

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        """Never: nobody gets as far as this."""
        raise ObjectNotFound(name)

    async def opens_api_server(self, token: str) -> bool:
        """There is no token."""
        return True


async def existing_account(accounts: ServiceAccounts, use: AccountUse, note: Note) -> JsonObject:
    """Return the ServiceAccount as the API server has it.

    Raises:
        VerdictError: there is none, or it may not be read.
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
    """The ServiceAccount, whose owner lets tokens for that audience be asked for.

    Raises:
        VerdictError: there is none, it may not be read, or does not allow it.
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
    """A token of a ServiceAccount that allows it.

    Raises:
        VerdictError: none was issued, or it is one that the API server takes.
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
            f" {use.field_path}.audience{use.of} to the audience that"
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
            f" not send it. Set {use.field_path}.audience{use.of} to {usual}.",
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
    verdict = Verdict(reason=reason, message=message, retry=retry or REASONS[reason].retry, phase=use.phase)
    return VerdictError(verdict)
