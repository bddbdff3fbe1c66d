# SPDX-License-Identifier: Apache-2.0
"""Any answer in any step leads to a password or a short verdict, and nothing else."""

import json
import time

from hypothesis import given
from hypothesis import strategies as st

from smtp_operator.api.password import HashiCorpVaultPassword
from smtp_operator.api.vault_blocks import HashiCorpVault
from smtp_operator.api.verdict import MESSAGE_BYTES, VerdictError
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.secrets.vaults.hashicorp.provider import HashiCorpKv
from smtp_operator.secrets.vaults.provider import VaultContext
from smtp_testkit.openbao.trial import NAME, Named

CANARY = "c4nary"
KEYS = st.sampled_from(
    ["auth", "client_token", "lease_duration", "num_uses", "data", "metadata", "password", "version",
     "deletion_time", "destroyed", "errors", "ttl"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([CANARY, "", "\n", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "permission denied"]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
LOGGED_IN = st.just(b'{"auth":{"client_token":"t0ken","lease_duration":60}}')
BODIES = st.one_of(JSON.map(lambda it: json.dumps(it).encode()), st.binary(max_size=50), LOGGED_IN)
STATUSES = st.sampled_from([200, 201, 204, 302, 307, 400, 403, 404, 405, 412, 429, 472, 500, 503])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "text/html"]),
        "retry-after": st.sampled_from(["1", "-1", "soon", "99999999999", "Wed, 21 Oct 2015 07:28:00 GMT"]),
        "location": st.sampled_from(["/v1/secret", "https://sso.example/c4nary"]),
    },
)
ANSWERS = st.builds(HttpsResponse, STATUSES, HEADERS, BODIES)
LOGIN = st.builds(HttpsResponse, st.just(200), HEADERS, LOGGED_IN)


class Script:
    """Gives these answers, one after the other; the last one for ever."""

    def __init__(self, answers: list[HttpsResponse]) -> None:
        self._answers = answers

    async def send(self, request: HttpsRequest) -> HttpsResponse:
        """See ``Sender``."""
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@given(st.lists(ANSWERS, min_size=1, max_size=4), st.none() | LOGIN, st.none() | st.just(3))
async def test_any_answers_end_in_a_password_or_a_verdict(
    answers: list[HttpsResponse], login: HttpsResponse | None, version: int | None
) -> None:
    named = Named(secrets={"bao/secret-id": CANARY})
    script = Script([*([login] if login else []), *answers])
    context = VaultContext(
        name=NAME, credentials=named, https=script, monotonic=lambda: 1000.0, now=time.time
    )
    auth = {"appRole": {"roleId": "role", "secretIdRef": {"name": "bao", "key": "secret-id"}}}
    vault = HashiCorpKv(HashiCorpVault.model_validate({"url": "https://bao.example", "auth": auth}), context)
    item = {"vaultRef": {"name": "bao"}, "path": "mail/smtp", "version": version}

    for _ in range(2):
        try:
            secret = await vault.read(HashiCorpVaultPassword.model_validate(item))
        except VerdictError as error:
            verdict = error.verdict
            assert verdict.message.startswith(NAME)
            assert len(verdict.message.encode()) <= MESSAGE_BYTES
            assert CANARY not in f"{verdict}"
            assert verdict.retry_after is None or 0 <= verdict.retry_after <= 600
        else:
            assert secret.value == CANARY
            assert CANARY not in f"{secret}"
