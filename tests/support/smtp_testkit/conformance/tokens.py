# SPDX-License-Identifier: Apache-2.0
"""Access tokens as a source, because their endpoint also has a login."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from smtp_operator.api.reasons import Reason
from smtp_operator.secrets.failure_cache import HOLD_SECONDS
from smtp_operator.secrets.oauth2.client import TokenCache
from smtp_testkit.conformance.source import ReadPassword, Source
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.tokentrial import CLIENT, SECRET, Accounts, TokenTrial

_NO_CHECK = "There is no vault object to check."
_A_LINE = "A token is one line by its definition (RFC 6750)."


class OAuth2Source(Source):
    """``spec.oauth2`` with a client's secret; the access token is the password."""

    column = "OAuth2"
    unlike: ClassVar[Mapping[str, str]] = {
        "test_a_new_value": "A token is used until 5 minutes before its end, unless a mail server rejects"
        " it.",
        "test_a_value_is_not_kept": "A token is used until 5 minutes before its end, unless a mail server"
        " rejects it.",
        "test_a_version": "The version is that of the Secret with which the token was requested.",
        "test_letters_of_every_kind": _A_LINE,
        "test_a_newline_at_the_end": _A_LINE,
        "test_an_empty_value": _A_LINE,
        "test_a_value_of_several_lines": _A_LINE,
        "test_a_value_that_is_too_long": "A token can have up to 16 KiB.",
        "test_a_missing_password": "A token endpoint has no names to look up.",
        "test_a_credential_that_may_not_go_there": "The tests of oauth2 check it: `ServerNotAllowed`.",
        "test_a_check": _NO_CHECK,
        "test_a_check_that_fails": _NO_CHECK,
        "test_its_end": _NO_CHECK,
    }
    reasons: ClassVar[Mapping[str, Reason]] = {
        "test_a_password_that_may_not_be_read": Reason.OAUTH_TOKEN_FAILED,
        "test_a_wrong_credential": Reason.OAUTH_TOKEN_FAILED,
        "test_a_host_that_dns_does_not_know": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_a_port_without_listener": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_an_address_that_is_not_allowed": Reason.DESTINATION_NOT_ALLOWED,
        "test_a_port_that_is_not_allowed": Reason.DESTINATION_NOT_ALLOWED,
        "test_a_certificate_of_an_unknown_authority": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_no_ca": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_a_certificate_for_another_name": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_a_server_that_never_answers": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_a_server_that_answers_byte_by_byte": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_a_server_that_closes_the_connection": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_an_answer_that_is_too_large": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_an_answer_that_is_broken": Reason.OAUTH_TOKEN_FAILED,
        "test_a_page_for_people": Reason.OAUTH_TOKEN_FAILED,
        "test_a_redirect": Reason.OAUTH_TOKEN_FAILED,
        "test_a_server_in_trouble": Reason.IDENTITY_PROVIDER_UNREACHABLE,
        "test_a_server_that_is_asked_too_often": Reason.IDENTITY_PROVIDER_UNREACHABLE,
    }
    secrets = (SECRET,)

    def __init__(self, endpoint: TokenServer) -> None:
        super().__init__()
        self._endpoint = endpoint
        accounts = Accounts()
        tokens = TokenCache(https=self.line, accounts=accounts, monotonic=lambda: self.time, now=time.time)
        self._trial = TokenTrial(endpoint, self.names, self.line.https, accounts, tokens)
        self._trial.secret("mail-app", {"client-secret": SECRET})
        self._changes: dict[str, str | None] = {}

    @classmethod
    @contextmanager
    def opened(cls, fixture: Callable[[str], Any]) -> Iterator[Source]:
        """See ``Source``."""
        with TokenServer.running(secrets={CLIENT: SECRET}) as endpoint:
            source = cls(endpoint)
            yield source
            source.line.https.close()

    async def read(self) -> ReadPassword:
        """See ``Source``."""
        return (await self._trial.token(**self._changes)).password

    def write(self, value: str) -> None:
        """See ``Source``."""
        body = f'{{"access_token":"{value}","token_type":"Bearer","expires_in":3599}}'
        self._endpoint.answers.append((200, body.encode(), {}))

    def forbid(self) -> None:
        """See ``Source``; the client gets no more tokens, and its current token expires."""
        self.time += 3600
        self._endpoint.answers = [(400, b'{"error":"unauthorized_client"}', {})] * 100

    def spoil(self) -> None:
        """See ``Source``."""
        self._trial.secret("mail-app", {"client-secret": "wrong"})
        self._endpoint.answers.clear()

    def lead_to(self, url: str, ca_pem: str) -> None:
        """See ``Source``."""
        self.time += HOLD_SECONDS  # the cached failure of another one has expired
        self._changes["tokenUrl"] = f"{url}/token"
        self._endpoint.ca_pem = ca_pem

    def remove_ca_ref(self) -> str:
        """See ``Source``."""
        self._changes["caRef"] = None
        return self._endpoint.ca_pem

    @property
    def url(self) -> str:
        """See ``Source``."""
        return self._changes.get("tokenUrl") or self._endpoint.url()

    @property
    def logins(self) -> int:
        """See ``Source``."""
        return len(self.line.requests)
