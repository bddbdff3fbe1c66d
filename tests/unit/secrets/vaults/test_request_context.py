# SPDX-License-Identifier: Apache-2.0
"""The description of a request that the messages of all vault providers share."""

import base64
import json

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.vaults.request_context import RequestContext, TokenClaims

ASKED = RequestContext(vault="SmtpVault team-a/corp", server="vault.example.com")


def token(**claims: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()}.signature"


@pytest.mark.parametrize("audience", ["conjur", ["conjur", "other"]])
def test_claims_of_a_token_are_those_that_it_was_issued_with(audience: object) -> None:
    issued = token(iss="https://issuer", sub="system:serviceaccount:team-a:mailer", aud=audience)
    assert TokenClaims.of(issued, audience="requested") == TokenClaims(
        issuer="https://issuer", subject="system:serviceaccount:team-a:mailer", audience="conjur"
    )


@pytest.mark.parametrize(
    "opaque",
    ["", "opaque", token(iss=1, sub=["x"], aud=None), token(iss="a b", sub="a\u2028", aud="x" * 254)],
)
def test_claims_that_a_message_may_not_show_are_empty(opaque: str) -> None:
    assert TokenClaims.of(opaque, audience="requested") == TokenClaims(audience="requested")


def test_each_message_starts_with_the_vault_object_and_the_server() -> None:
    answer = HttpsResponse(status=404, headers={}, body=b"")

    limited = ASKED.rate_limited("(429)", reply="429", retry_after=5.0).verdict
    other = ASKED.other_server(answer, "a CCP", "Set cyberArkCCP.url to a CCP.").verdict
    passing = ASKED.temporary(Reason.VAULT_UNAVAILABLE, "the vault is sealed", reply="503").verdict

    assert (limited.reason, limited.retry_after, limited.message) == (
        Reason.VAULT_RATE_LIMITED,
        5.0,
        "SmtpVault team-a/corp: vault.example.com limits the request rate (429). The operator retries"
        " automatically. To send fewer requests, set a longer recheck.interval in the SmtpConfigs.",
    )
    assert (other.reason, other.reply, other.message) == (
        Reason.VAULT_ENDPOINT_INVALID,
        "404",
        "SmtpVault team-a/corp: vault.example.com answers 404, but not as a CCP does. Set cyberArkCCP.url to"
        " a CCP.",
    )
    assert (passing.reason, passing.reply, passing.message) == (
        Reason.VAULT_UNAVAILABLE,
        "503",
        "SmtpVault team-a/corp: the vault is sealed. No action needed; the operator retries automatically.",
    )
