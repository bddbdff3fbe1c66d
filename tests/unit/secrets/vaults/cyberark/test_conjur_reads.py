# SPDX-License-Identifier: Apache-2.0
"""A password out of Conjur: what is asked and how names are escaped, by an API key or a ServiceAccount."""

import json
from urllib.parse import urlsplit

import pytest

from smtp_operator.api.reasons import Retry
from smtp_testkit.cyberark.conjur import ConjurServer, JwtAuthenticator
from smtp_testkit.cyberark.issuer import Issuer
from smtp_testkit.cyberark.trial import CANARY, VaultTrial
from smtp_testkit.http_listener import Reply

Conjur = VaultTrial[ConjurServer]
VARIABLE = "prod/smtp/password"
SUBJECT = "system:serviceaccount:team-a:smtp-vault"
HOST = "host/mail/operator"


def paths(conjur: Conjur) -> list[str]:
    return [urlsplit(call.target).path for call in conjur.server.calls]


async def test_the_newest_value_of_a_variable_is_read(conjur: Conjur) -> None:
    secret = await conjur.read(variable=VARIABLE)

    assert (secret.value, secret.version, secret.reason, secret.message) == (CANARY, None, "PasswordRead", "")


async def test_a_version_that_is_named_is_read(conjur: Conjur) -> None:
    secret = await conjur.read(variable=VARIABLE, version="1")

    assert (secret.value, secret.version) == ("0ld", "1")
    assert conjur.server.calls[-1].query == [("version", "1")]


async def test_a_new_value_is_read_the_next_time(conjur: Conjur) -> None:
    await conjur.read(variable=VARIABLE)
    conjur.server.variables[VARIABLE].append(b"n3w")

    assert (await conjur.read(variable=VARIABLE)).value == "n3w"


async def test_every_name_is_one_segment_of_the_path(conjur: Conjur) -> None:
    hard = "prod/smtp relay/päss?word#1%2F"
    conjur.server.variables[hard] = [b"h4rd"]
    conjur.server.readers[hard] = {HOST}

    assert (await conjur.read(variable=hard)).value == "h4rd"
    assert paths(conjur) == [
        "/authn/corp/host%2Fmail%2Foperator/authenticate",
        "/secrets/corp/variable/prod%2Fsmtp%20relay%2Fp%C3%A4ss%3Fword%231%252F",
    ]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_path_of_the_url_is_kept(conjur: Conjur, slash: str) -> None:
    conjur.server.prefix = "/api"
    conjur.vault(url=conjur.server.url + slash)

    assert (await conjur.read(variable=VARIABLE)).value == CANARY
    assert paths(conjur)[0] == "/api/authn/corp/host%2Fmail%2Foperator/authenticate"


@pytest.mark.parametrize("name", [".", ".."])
async def test_no_name_leads_to_another_path(conjur: Conjur, name: str) -> None:
    verdict = await conjur.verdict(variable=name)

    assert (verdict.reason, verdict.retry) == ("VaultRequestInvalid", Retry.CONFIGURATION)
    assert [path for path in paths(conjur) if "secrets" in path] == []


async def test_the_api_key_is_sent_as_it_is_and_only_there(conjur: Conjur) -> None:
    await conjur.read(variable=VARIABLE)

    login, secret = conjur.server.calls
    assert login.body == conjur.given.secrets["conjur", "api-key"].encode()
    assert (login.method, secret.method, secret.body) == ("POST", "GET", b"")
    assert conjur.given.asked == [(conjur.server.url, "cyberArkConjur.auth.apiKey.apiKeyRef")]


async def test_the_token_is_sent_in_quotes(conjur: Conjur) -> None:
    await conjur.read(variable=VARIABLE)

    (token,) = conjur.server.issued
    assert conjur.server.calls[-1].headers["authorization"] == f'Token token="{token}"'


# a ServiceAccount's token


@pytest.fixture
def issuer(conjur: Conjur) -> Issuer:
    """Of the cluster's tokens, which Conjur's authn-jwt/kubernetes trusts."""
    issuer = Issuer("https://kubernetes.default.svc.cluster.local")
    conjur.server.authenticators["kubernetes"] = JwtAuthenticator(
        issuer=issuer.name, audience="conjur", keys=issuer.keys, hosts={SUBJECT: HOST}
    )
    conjur.given.token = issuer.token(subject=SUBJECT, audience="conjur")
    return issuer


def by_jwt(**changes: str) -> dict[str, object]:
    jwt = {"serviceId": "kubernetes", "serviceAccountRef": {"name": "smtp-vault"}} | changes
    return {"auth": {"jwt": jwt}}


async def test_a_serviceaccount_logs_in_by_its_token_alone(conjur: Conjur, issuer: Issuer) -> None:
    conjur.vault(**by_jwt())

    assert (await conjur.read(variable=VARIABLE)).value == CANARY
    assert paths(conjur)[0] == "/authn-jwt/kubernetes/corp/authenticate"
    assert conjur.server.calls[0].body == f"jwt={conjur.given.token}".encode()
    assert conjur.given.asked == [(conjur.server.url, "cyberArkConjur.auth.jwt.serviceAccountRef")]


async def test_the_host_may_be_named(conjur: Conjur, issuer: Issuer) -> None:
    conjur.vault(**by_jwt(hostId=HOST))

    assert (await conjur.read(variable=VARIABLE)).value == CANARY
    assert paths(conjur)[0] == "/authn-jwt/kubernetes/corp/host%2Fmail%2Foperator/authenticate"


@pytest.mark.parametrize(
    ("subject", "audience"), [("system:serviceaccount:team-b:smtp-vault", "conjur"), (SUBJECT, "vault")]
)
async def test_a_token_for_another_workload_is_refused(
    conjur: Conjur, issuer: Issuer, subject: str, audience: str
) -> None:
    conjur.given.token = issuer.token(subject=subject, audience=audience)
    conjur.vault(**by_jwt())

    assert (await conjur.verdict(variable=VARIABLE)).reason == "VaultAuthFailed"


async def test_a_token_of_another_issuer_is_refused(conjur: Conjur, issuer: Issuer) -> None:
    conjur.given.token = Issuer(issuer.name).token(subject=SUBJECT, audience="conjur")
    conjur.vault(**by_jwt())

    assert (await conjur.verdict(variable=VARIABLE)).reason == "VaultAuthFailed"


# check


async def test_a_check_logs_in_and_reads_no_variable(conjur: Conjur) -> None:
    assert await conjur.check() == (
        f"Logged in to Conjur at localhost:{conjur.server.port}, account corp, as host/mail/operator."
    )
    assert paths(conjur) == ["/authn/corp/host%2Fmail%2Foperator/authenticate", "/whoami"]


async def test_a_check_names_the_serviceaccount(conjur: Conjur, issuer: Issuer) -> None:
    conjur.vault(**by_jwt())

    assert await conjur.check() == (
        f"Logged in to Conjur at localhost:{conjur.server.port}, account corp, as ServiceAccount smtp-vault."
    )


async def test_a_check_logs_in_again_and_its_token_is_kept(conjur: Conjur) -> None:
    await conjur.read(variable=VARIABLE)
    await conjur.check()
    await conjur.read(variable=VARIABLE)

    assert conjur.server.logins == 2


async def test_a_conjur_without_whoami_is_one_all_the_same(conjur: Conjur) -> None:
    conjur.server.has_whoami = False

    assert isinstance(await conjur.check(), str)


async def test_a_check_fails_where_the_key_was_rotated(conjur: Conjur) -> None:
    await conjur.read(variable=VARIABLE)
    conjur.server.api_keys[HOST] = "r0tated"

    verdict = await conjur.check()

    assert not isinstance(verdict, str)
    assert verdict.reason == "VaultAuthFailed"


# what is a password


@pytest.mark.parametrize("value", [b"\xff\xfe", b"two\nlines", b"", b"x" * 1025])
async def test_a_value_that_can_be_no_password(conjur: Conjur, value: bytes) -> None:
    conjur.server.variables[VARIABLE] = [value]

    verdict = await conjur.verdict(variable=VARIABLE)

    assert (verdict.reason, verdict.retry) == ("VaultSecretUnusable", Retry.DENIED)
    assert verdict.message.startswith("SmtpVault team-a/corp: variable prod/smtp/password ")


async def test_text_is_read_as_utf_8_whatever_its_type(conjur: Conjur) -> None:
    await conjur.read(variable=VARIABLE)
    conjur.server.replies.append(
        Reply(200, "pässwörd".encode(), {"Content-Type": "text/plain; charset=iso-8859-1"})
    )

    assert (await conjur.read(variable=VARIABLE)).value == "pässwörd"


async def test_a_value_that_is_json_is_taken_as_it_stands(conjur: Conjur) -> None:
    value = json.dumps({"password": "x"})
    conjur.server.variables[VARIABLE] = [value.encode()]

    assert (await conjur.read(variable=VARIABLE)).value == value


async def test_one_newline_at_the_end_is_left_out(conjur: Conjur) -> None:
    conjur.server.variables[VARIABLE] = [f"{CANARY}\n".encode()]

    secret = await conjur.read(variable=VARIABLE)

    assert (secret.value, secret.reason) == (CANARY, "TrailingNewlineStripped")
