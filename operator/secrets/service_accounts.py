# SPDX-License-Identifier: Apache-2.0
"""Tokens of ServiceAccounts, for others to know a namespace's workload by: no secret at all.

A ServiceAccount's token speaks for it wherever its audience is trusted. So its owner says by an annotation
which audiences may be asked for, and one that the API server itself trusts is never asked for in earnest:
such a token, sent to a URL of somebody's choice, would open the cluster.
"""

from typing import Final, Protocol

from smtp_operator.api.names import ALLOWED_AUDIENCES
from smtp_operator.api.objects import AccessDenied, JsonObject, ObjectNotFound, RequestRefused
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


class NoServiceAccounts:
    """Where there is no cluster to ask for one."""

    async def get_service_account(self, namespace: str, name: str) -> JsonObject:
        """Never."""
        raise _failed(
            Reason.SERVICE_ACCOUNT_TOKEN_FAILED,
            f"A token of ServiceAccount {namespace}/{name} is to be had in its cluster only (named by"
            f" spec.{_FIELD}). Check the SmtpConfig there, by its name and -n {namespace}.",
        )

    async def request_token(self, namespace: str, name: str, audience: str) -> str:
        """Never: nobody gets as far as this."""
        raise ObjectNotFound(name)

    async def opens_api_server(self, token: str) -> bool:
        """There is no token."""
        return True


async def allowed_account(accounts: ServiceAccounts, namespace: str, name: str, audience: str) -> JsonObject:
    """The ServiceAccount, whose owner lets tokens for that audience be asked for.

    Raises:
        VerdictError: there is none, it may not be read, or does not allow it.
        ApiUnavailable
    """
    try:
        found = await accounts.get_service_account(namespace, name)
    except ObjectNotFound:
        raise _missing(namespace, name) from None
    except AccessDenied:
        raise _denied("read", "get on serviceaccounts", namespace, name) from None
    annotation = (found["metadata"].get("annotations") or {}).get(ALLOWED_AUDIENCES, "")
    if audience not in [entry.strip() for entry in annotation.split(",")]:
        raise _failed(
            Reason.AUDIENCE_NOT_ALLOWED,
            f'ServiceAccount {namespace}/{name} does not allow tokens for audience "{audience}" (named by'
            f" spec.{_FIELD}). Its owner annotates it: {ALLOWED_AUDIENCES}: {audience}",
        )
    return found


async def account_token(accounts: ServiceAccounts, namespace: str, name: str, audience: str) -> str:
    """A token of a ServiceAccount that allows it.

    Raises:
        VerdictError: none was issued, or it is one that the API server takes.
        ApiUnavailable
    """
    try:
        token = await accounts.request_token(namespace, name, audience)
    except ObjectNotFound:
        raise _missing(namespace, name) from None
    except AccessDenied:
        raise _denied("ask for a token of", "create on serviceaccounts/token", namespace, name) from None
    except RequestRefused:
        raise _failed(
            Reason.SERVICE_ACCOUNT_TOKEN_FAILED,
            f'The API server issues no token of ServiceAccount {namespace}/{name} for audience "{audience}".'
            " Set oauth2.serviceAccountRef.audience: the audience that the identity provider expects.",
        ) from None
    if await accounts.opens_api_server(token):
        raise _failed(
            Reason.AUDIENCE_NOT_ALLOWED,
            f'A token for audience "{audience}" would open the API server itself, so it is sent nowhere.'
            " Set oauth2.serviceAccountRef.audience: api://AzureADTokenExchange, or what your provider"
            " expects.",
            Retry.CONFIGURATION,
        )
    return token


def _missing(namespace: str, name: str) -> VerdictError:
    return _failed(
        Reason.SERVICE_ACCOUNT_NOT_FOUND,
        f"ServiceAccount {namespace}/{name} does not exist (named by spec.{_FIELD})."
        " Create it; the test is repeated by itself.",
    )


def _denied(what: str, right: str, namespace: str, name: str) -> VerdictError:
    return _failed(
        Reason.SECRET_ACCESS_DENIED,
        f"The operator may not {what} ServiceAccount {namespace}/{name} (named by spec.{_FIELD}): its role"
        f" lacks {right} in namespace {namespace}. Grant it for this ServiceAccount alone, by resourceNames.",
    )


def _failed(reason: Reason, message: str, retry: Retry | None = None) -> VerdictError:
    verdict = Verdict(reason=reason, message=message, retry=retry or REASONS[reason].retry, phase=Phase.TOKEN)
    return VerdictError(verdict)
