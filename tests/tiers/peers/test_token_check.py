# SPDX-License-Identifier: Apache-2.0
"""Dovecot queries the introspection endpoint for each token, so a login with a token is a real check."""

import base64
import json
import ssl

import aiosmtplib
import pytest

from smtp_testkit.realpeers import TOKEN, USER, RealPeers

XOAUTH2 = f"user={USER}\x01auth=Bearer {{token}}\x01\x01"
OAUTHBEARER = f"n,a={USER},\x01host=localhost\x01port=587\x01auth=Bearer {{token}}\x01\x01"
AGREES = {"XOAUTH2": (XOAUTH2, b"="), "OAUTHBEARER": (OAUTHBEARER, b"AQ==")}
each_mechanism = pytest.mark.parametrize("mechanism", sorted(AGREES))


async def log_in(peers: RealPeers, mechanism: str, token: str) -> tuple[int, str]:
    """Log in; return the code of the last reply, and the server's error about the token, if any."""
    words, answer = AGREES[mechanism]
    client = aiosmtplib.SMTP(
        hostname="localhost",
        port=peers.ports["submission"],
        start_tls=True,
        tls_context=ssl.create_default_context(cadata=peers.ca_pem),
    )
    async with client:
        await client.ehlo()
        blob = base64.b64encode(words.format(token=token).encode())
        reply = await client.execute_command(b"AUTH", mechanism.encode(), blob)
        if reply.code != 334:
            return reply.code, ""
        last = await client.execute_command(answer)
        return last.code, base64.b64decode(reply.message).decode()


@each_mechanism
async def test_a_good_token_is_accepted_once_the_endpoint_agrees(peers: RealPeers, mechanism: str) -> None:
    before = len(peers.introspection.asked)

    assert await log_in(peers, mechanism, TOKEN) == (235, "")

    assert peers.introspection.asked[before:] == [TOKEN]


@each_mechanism
async def test_a_bad_token_is_refused_with_the_reason_in_json(peers: RealPeers, mechanism: str) -> None:
    code, said = await log_in(peers, mechanism, "eyJ.expired.token")

    assert code == 535
    assert json.loads(said)["status"] in {"401", "invalid_token"}
