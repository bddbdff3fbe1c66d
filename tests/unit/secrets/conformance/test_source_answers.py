# SPDX-License-Identifier: Apache-2.0
"""Responses."""

import json
import logging
import traceback

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsLimits
from smtp_testkit.conformance import Source
from smtp_testkit.conformance.misbehaving import Misbehaving

QUICK = HttpsLimits(connect=5.0, read=0.3, total=1.0)
"""Timeout, so that a silent server costs less than a second."""


async def test_a_server_that_never_answers(source: Source, odd: Misbehaving, expected: Reason) -> None:
    """The server accepts connections but never answers: the read stops after 10 seconds."""
    source.over(limits=QUICK)
    source.lead_to(odd.url, odd.ca_pem)
    odd.is_silent()

    assert (await source.verdict()).reason is expected


async def test_a_server_that_answers_byte_by_byte(source: Source, odd: Misbehaving, expected: Reason) -> None:
    """The server sends an endless response byte by byte: the read stops after 20 seconds."""
    source.over(limits=QUICK)
    source.lead_to(odd.url, odd.ca_pem)
    odd.drips()

    assert (await source.verdict()).reason is expected


async def test_a_server_that_closes_the_connection(
    source: Source, odd: Misbehaving, expected: Reason
) -> None:
    """The server closes the connection without a response."""
    source.lead_to(odd.url, odd.ca_pem)
    odd.closes()

    assert (await source.verdict()).reason is expected


async def test_an_answer_that_is_too_large(source: Source, odd: Misbehaving, expected: Reason) -> None:
    """The response, including headers, has more than 64 KiB."""
    source.lead_to(odd.url, odd.ca_pem)
    odd.says(200, b'"' + b"x" * 65_536 + b'"', {"Content-Type": "application/json"})

    assert (await source.verdict()).reason is expected

    odd.floods()

    assert (await source.verdict()).reason is expected


async def test_an_answer_that_is_broken(source: Source, odd: Misbehaving, expected: Reason) -> None:
    """The response is incomplete JSON."""
    source.lead_to(odd.url, odd.ca_pem)
    odd.says(200, b'{"data":{"c4n', {"Content-Type": "application/json"})

    assert (await source.verdict()).reason is expected


async def test_a_page_for_people(source: Source, odd: Misbehaving, expected: Reason) -> None:
    """The server answers with a web page, as a login proxy does."""
    source.lead_to(odd.url, odd.ca_pem)
    odd.says(200, b"<html>Please sign in</html>", {"Content-Type": "text/html"})

    assert (await source.verdict()).reason is expected


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect(source: Source, odd: Misbehaving, expected: Reason, status: int) -> None:
    """The server redirects elsewhere: the operator does not follow redirects."""
    source.lead_to(odd.url, odd.ca_pem)
    odd.says(status, b"", {"Location": f"{odd.url}/elsewhere"})

    assert (await source.verdict()).reason is expected
    assert odd.requests == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_in_trouble(source: Source, odd: Misbehaving, expected: Reason, status: int) -> None:
    """The server returns an internal error (5xx): the operator retries automatically."""
    source.lead_to(odd.url, odd.ca_pem)
    odd.says(status, b"<html>c4nary</html>", {"Content-Type": "text/html"})

    assert (await source.verdict()).reason is expected
    assert odd.requests == 1


@pytest.mark.parametrize(("header", "wait"), [("120", 120), ("86400", 600)])
async def test_a_server_that_is_asked_too_often(
    source: Source, odd: Misbehaving, expected: Reason, header: str, wait: float
) -> None:
    """The server limits the request rate (429): the operator obeys `Retry-After`, at most 10 minutes."""
    source.lead_to(odd.url, odd.ca_pem)
    odd.says(429, b"{}", {"Content-Type": "application/json", "Retry-After": header})

    verdict = await source.verdict()

    assert (verdict.reason, verdict.retry_after) == (expected, wait)
    assert odd.requests == 1


BODIES = {
    "page": b"<html>c4nary</html>",
    "text": b"c4nary",
    "error": json.dumps({"error": "c4nary", "error_description": "c4nary AADSTS7000215"}).encode(),
    "object": json.dumps({"error": {"code": "c4nary", "message": "c4nary"}, "errors": ["c4nary"]}).encode(),
    "code": json.dumps({"ErrorCode": "c4nary", "ErrorMsg": "c4nary", "Details": "c4nary"}).encode(),
    "value": json.dumps({"value": ["c4nary"], "Content": {"c4nary": 1}, "data": {"data": "c4nary"}}).encode(),
    "token": json.dumps({"access_token": "c4 nary", "auth": {"client_token": "c4\nnary c4nary"}}).encode(),
    "login and value": json.dumps(
        {
            "auth": {"client_token": "t0ken", "lease_duration": 60},
            "data": {"ttl": 60, "data": {"password": "c4nary"}, "metadata": {"version": "c4nary"}},
            "access_token": "c4nary",
            "token_type": "Bearer",
            "expires_in": 60,
            "value": "c4nary",
            "Content": "c4nary",
        }
    ).encode(),
    "login and broken value": json.dumps(
        {
            "auth": {"client_token": "t0ken", "lease_duration": 60},
            "data": {"ttl": 60, "data": {"password": "c4nary\n\x00"}, "metadata": {"version": "c4nary"}},
            "value": "c4nary\n\x00",
            "Content": "c4nary\n\x00",
        }
    ).encode(),
    "nothing": b"",
}


@pytest.mark.parametrize("body", BODIES)
async def test_nothing_of_an_answer_is_repeated(
    source: Source, odd: Misbehaving, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    """No part of a response or a credential is in a message, a log line of any level, or a traceback."""
    caplog.set_level(logging.NOTSET)
    for status in (200, 201, 204, 302, 400, 401, 403, 404, 405, 409, 412, 418, 422, 429, 500, 503):
        source.lead_to(odd.url, odd.ca_pem)
        odd.says(status, BODIES[body], {"X-C4nary": "c4nary", "WWW-Authenticate": 'Basic realm="c4nary"'})
        shown = ""
        try:
            found = await source.read()
        except VerdictError as error:
            shown = f"{error.verdict}{error!r}{''.join(traceback.format_exception(error))}"
        else:
            shown = repr(found)
        for secret in ("c4nary", *source.secrets):
            assert secret not in shown + caplog.text, status
