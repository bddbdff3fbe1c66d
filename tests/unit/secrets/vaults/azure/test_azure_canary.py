# SPDX-License-Identifier: Apache-2.0
"""No output at any log level contains passwords, tokens or texts of servers, for any answer."""

import asyncio
import json
import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smtp_operator.api.verdict import VerdictError
from smtp_operator.cli.log_format import set_up_logging
from smtp_operator.setting_parsers import LogLevel
from smtp_operator.settings import Settings
from smtp_testkit.azurepeers.keyvault import KeyVaultServer
from smtp_testkit.azurepeers.metadata import MetadataServer
from smtp_testkit.azurepeers.trial import KeyVaultTrial
from smtp_testkit.mailpeers.tokenserver import TokenServer

CANARY = "c4nary"
Told = list[str]

ERROR: dict[str, Any] = {
    "code": "Forbidden",
    "message": f"{CANARY} oid={CANARY} Client address: {CANARY} AKV10032 Expected one of https://x/{CANARY}/",
    "innererror": {"code": f"Forbidden By {CANARY}"},
}
OF_THE_VAULT = [
    (200, json.dumps({"value": CANARY, "id": f"https://{CANARY}", "attributes": {}})),
    (200, json.dumps({"value": [CANARY], "id": CANARY})),
    (200, CANARY),
    (200, f"<html>{CANARY}"),
    (302, CANARY),
    (401, f"<html>{CANARY}"),
    (401, json.dumps({"error": ERROR})),
    (400, json.dumps({"error": ERROR})),
    (403, json.dumps({"error": ERROR})),
    (403, CANARY),
    (404, json.dumps({"error": ERROR | {"code": "SecretNotFound"}})),
    (409, json.dumps({"error": {"code": f"{CANARY}-"}})),
    (429, json.dumps({"error": ERROR})),
    (500, f"<html>{CANARY}"),
    (503, json.dumps({"error": ERROR})),
]
OF_ENTRA_ID = [
    (200, json.dumps({"access_token": f"two {CANARY}", "expires_in": 3599})),
    (200, json.dumps({"access_token": CANARY, "expires_in": -1})),
    (200, json.dumps({"access_token": CANARY, "token_type": CANARY, "expires_in": 3599})),
    (200, json.dumps({"access_token": [CANARY], "expires_in": CANARY})),
    (200, f"<html>{CANARY}"),
    (400, json.dumps({"error": f"{CANARY}!", "error_description": CANARY})),
    (401, json.dumps({"error": "invalid_client", "error_description": f"AADSTS7000215: {CANARY}"})),
    (401, json.dumps({"error": "invalid_grant", "error_description": CANARY, "error_codes": [CANARY]})),
    (500, CANARY),
]
HEADERS: Mapping[str, str] = {
    "Retry-After": CANARY,
    "Location": f"https://{CANARY}.example/",
    "x-ms-request-id": CANARY,
    "WWW-Authenticate": f'Bearer authorization="https://{CANARY}/{CANARY}", resource="https://{CANARY}"',
}


@pytest.fixture
def told() -> Iterator[Told]:
    """Every log line of this process, as the operator sets its log up at its most talkative."""
    lines: Told = []
    root = logging.getLogger()
    ours, quiet = logging.getLogger("smtp_operator"), [logging.getLogger(name) for name in ("azure", "msal")]
    before = root.handlers[:], root.level, ours.level, [it.level for it in quiet]
    set_up_logging(Settings(log_level=LogLevel.DEBUG, debug=True))
    formatter = root.handlers[0].formatter

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            assert formatter is not None
            lines.append(formatter.format(record))

    root.handlers[:] = [Kept()]
    root.setLevel(logging.DEBUG)
    yield lines
    root.handlers[:], root.level, ours.level = before[:3]
    for it, level in zip(quiet, before[3], strict=True):
        it.setLevel(level)


async def all_told(trial: KeyVaultTrial, told: Told) -> str:
    """Return everything that a failed read shows anywhere."""
    with pytest.raises(VerdictError) as failed:
        await trial.read()
    error = failed.value
    return "\n".join([*told, repr(error.verdict), str(error), *traceback.format_exception(error)])


@pytest.mark.parametrize(("status", "body"), OF_THE_VAULT)
@pytest.mark.parametrize("logged_in", [True, False])
async def test_what_a_vault_writes(
    trial: KeyVaultTrial, told: Told, status: int, body: str, logged_in: bool
) -> None:
    if logged_in:
        await trial.read()
    trial.key_vault.answers.append((status, body.encode(), HEADERS))

    assert CANARY not in await all_told(trial, told)


@pytest.mark.parametrize(("status", "body"), OF_ENTRA_ID)
async def test_what_entra_id_writes(trial: KeyVaultTrial, told: Told, status: int, body: str) -> None:
    trial.entra.answers.append((status, body.encode(), HEADERS))

    assert CANARY not in await all_told(trial, told)


@pytest.mark.parametrize(("status", "body"), OF_ENTRA_ID)
async def test_what_the_metadata_service_writes(
    trial: KeyVaultTrial, told: Told, status: int, body: str
) -> None:
    trial.use_managed_identity()
    trial.machine.answers.append((status, body.encode(), HEADERS))

    assert CANARY not in await all_told(trial, told)


async def test_a_challenge(trial: KeyVaultTrial, told: Told) -> None:
    trial.key_vault.answers.append((401, CANARY.encode(), HEADERS))

    assert CANARY not in await all_told(trial, told)


async def test_a_password_that_was_read(trial: KeyVaultTrial, told: Told) -> None:
    found = await trial.read()

    assert CANARY in found.value
    assert CANARY not in "\n".join([*told, repr(found), repr(await trial.vault._logins.current())])
    assert not any(token and token in line for token in trial.key_vault.tokens for line in told)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "value",
                    "id",
                    "attributes",
                    "exp",
                    "nbf",
                    "enabled",
                    "error",
                    "code",
                    "innererror",
                    "message",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=200) | ANY_JSON.map(lambda it: json.dumps(it).encode())
ANSWERS = st.tuples(
    st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 418, 429, 500, 503, 599]), BODIES
)


@given(answer=ANSWERS, to=st.sampled_from(["vault", "entra", "metadata"]), logged_in=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_makes_a_verdict(
    entra: TokenServer,
    key_vault: KeyVaultServer,
    answer: tuple[int, bytes],
    to: str,
    logged_in: bool,
) -> None:
    status, body = answer

    async def read() -> None:
        with MetadataServer.running(entra, identities={""}) as machine:
            trial = KeyVaultTrial(key_vault, machine)
            if to == "metadata":
                trial.use_managed_identity()
            if logged_in:
                await trial.read()
            answers = {"vault": key_vault.answers, "entra": entra.answers, "metadata": machine.answers}[to]
            answers.append((status, body, {}))
            with suppress(VerdictError):
                await trial.read()
            answers.clear()
            trial.close()

    asyncio.run(read())
