# SPDX-License-Identifier: Apache-2.0
"""The page's server answers its own page only: token, cookie, Host, Origin, custom header, read-only."""

import json
from typing import Any

import pytest

from smtp_operator.cli.kubectl.ui.command import ServedPage
from smtp_testkit.fakeapi import FakeApi
from smtp_testkit.page_visitor import PageVisitor

OBJECT = "object?kind=SmtpConfig&namespace=team-a&name=mail"
READS = ("info", "stream", "namespaces", "choices?namespace=team-a", OBJECT)
CHANGES = ("yaml", "preview", "submit", "test")


async def test_the_token_works_once(page: ServedPage) -> None:
    async with PageVisitor.of(page.session) as first, PageVisitor.of(page.session) as second:
        answer = await first.open()
        assert answer.status == 200
        assert (await second.open()).status == 403
        assert (await second.get("/api/info")).status == 401
        assert (await first.get("/api/info")).status == 200


@pytest.mark.parametrize("token", ["", "x", None, 7, {"$ne": ""}, "é" * 43])
async def test_a_wrong_token_opens_nothing_and_uses_nothing_up(page: ServedPage, token: object) -> None:
    async with PageVisitor.of(page.session) as visitor:
        answer = await visitor.post("/session", {"token": token})
        assert answer.status == 403
        assert "Set-Cookie" not in answer.headers
        assert (await visitor.open()).status == 200


async def test_the_cookie_is_for_this_port_and_hidden_from_scripts(page: ServedPage) -> None:
    async with PageVisitor.of(page.session) as visitor:
        cookie = (await visitor.open()).headers["Set-Cookie"]
    assert cookie.startswith(f"smtp-operator-ui-{page.session.port}=")
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= {it.strip() for it in cookie.split(";")}
    assert page.session.token not in cookie


@pytest.mark.parametrize("path", [*(f"/api/{it}" for it in READS)])
async def test_another_user_of_the_machine_reads_nothing(page: ServedPage, path: str) -> None:
    async with PageVisitor.of(page.session) as stranger:
        answer = await stranger.get(path)
    assert answer.status == 401
    assert set(answer.json) == {"error"}


@pytest.mark.parametrize("path", [*(f"/api/{it}" for it in CHANGES)])
async def test_another_user_of_the_machine_changes_nothing(
    page: ServedPage, path: str, fake: FakeApi
) -> None:
    async with PageVisitor.of(page.session) as stranger:
        assert (await stranger.post(path, {})).status == 401
        cookie = {"Cookie": f"{page.session.cookie_name}=guessed"}
        assert (await stranger.post(path, {}, **cookie)).status == 401
    assert {it.method for it in fake.seen if it.path.endswith("smtpconfigs")} <= {"GET", "WATCH"}


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "127.0.0.1", "127.0.0.1:1", "localhost", "localhost.evil.example.com:{port}", ""],
)
@pytest.mark.parametrize("path", ["/", "/app.mjs", "/api/info", "/nothing"])
async def test_a_foreign_host_gets_nothing(visitor: PageVisitor, host: str, path: str) -> None:
    """A foreign name that resolves to 127.0.0.1 (DNS rebinding) comes with its own Host header."""
    answer = await visitor.get(path, Host=host.format(port=visitor.session.port))
    assert answer.status in (400, 421)
    assert "Manage SMTP" not in answer.text


async def test_localhost_is_the_same_server(visitor: PageVisitor) -> None:
    assert (await visitor.get("/", Host=f"localhost:{visitor.session.port}")).status == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Origin", None),
        ("Origin", "null"),
        ("Origin", "http://evil.example.com"),
        ("Origin", "http://127.0.0.1:1"),
        ("Origin", "https://127.0.0.1:{port}"),
        ("Origin", "http://localhost:{port}"),
        ("Sec_Fetch_Site", None),
        ("Sec_Fetch_Site", "cross-site"),
        ("Sec_Fetch_Site", "same-site"),
        ("Sec_Fetch_Site", "none"),
        ("X_Smtp_Operator_Ui", None),
        ("X_Smtp_Operator_Ui", "0"),
        ("Content_Type", "text/plain"),
        ("Content_Type", "application/x-www-form-urlencoded"),
        ("Content_Type", None),
    ],
)
@pytest.mark.parametrize("path", ["/session", *(f"/api/{it}" for it in CHANGES)])
async def test_a_change_from_elsewhere_is_denied(
    visitor: PageVisitor, path: str, name: str, value: str | None, fake: FakeApi
) -> None:
    before = len(fake.seen)
    wanted = value and value.format(port=visitor.session.port)
    answer = await visitor.post(path, {}, **{name: wanted})
    assert answer.status in (403, 415)
    assert {it.method for it in fake.seen[before:]} <= {"WATCH", "GET"}


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_another_site_cannot_read_with_the_cookie(visitor: PageVisitor, site: str) -> None:
    assert (await visitor.get("/api/info", Sec_Fetch_Site=site)).status == 403


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
async def test_other_methods_do_nothing(visitor: PageVisitor, method: str) -> None:
    """A preflight request of another site gets no permission."""
    async with visitor.http.request(method, visitor.session.origin + "/api/submit") as response:
        assert response.status in (403, 405)
        assert not [it for it in response.headers if it.lower().startswith("access-control-")]


@pytest.mark.parametrize("path", ["/", "/app.mjs", "/style.css", "/api/info", "/nothing", "/api/nothing"])
async def test_every_response_forbids_caching_framing_and_foreign_content(
    visitor: PageVisitor, path: str
) -> None:
    headers = (await visitor.get(path)).headers
    policy = dict(it.strip().partition(" ")[::2] for it in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[f"{it}-src"] for it in ("script", "style", "connect")} == {"'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"


async def test_the_page_itself_contains_no_data_and_no_markup_from_outside(visitor: PageVisitor) -> None:
    page, module, style = [(await visitor.get(it)).text for it in ("/", "/app.mjs", "/style.css")]
    assert visitor.session.token not in page + module + style
    assert "http://" not in page + module + style
    assert "https://" not in page + module + style
    for written in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
        assert written not in module
    assert " style=" not in page
    assert "onclick=" not in page


async def test_read_only_refuses_each_change(serve: Any, fake: FakeApi) -> None:
    async with serve(read_only=True) as page, PageVisitor.of(page.session) as visitor:
        await visitor.open()
        assert (await visitor.get("/api/info")).json["readOnly"] is True
        before = len(fake.seen)
        for name in ("preview", "submit", "test"):
            answer = await visitor.post(f"/api/{name}", {})
            assert answer.status == 403
            assert answer.json == {"error": "The page is read-only: it was started with --read-only."}
        assert {it.method for it in fake.seen[before:]} <= {"WATCH", "GET"}


@pytest.mark.parametrize(
    "query",
    [
        "kind=Secret&namespace=team-a&name=mail",
        "kind=SmtpConfig&namespace=team-a&name=../../secrets/mail",
        "kind=SmtpConfig&namespace=team-a/x&name=mail",
        "kind=SmtpConfig&namespace=team-a&name=",
        "kind=SmtpConfig&namespace=&name=mail",
        "kind=SmtpConfig&namespace=team-a&name=mail%3Fwatch%3Dtrue",
    ],
)
async def test_the_server_is_no_proxy_to_the_api_server(
    visitor: PageVisitor, query: str, fake: FakeApi
) -> None:
    before = len(fake.seen)
    assert (await visitor.get(f"/api/object?{query}")).status == 400
    assert [it.path for it in fake.seen[before:] if it.method != "WATCH"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"null", b"[]", b'"text"', b"{}"])
async def test_a_body_that_is_no_form_is_refused(visitor: PageVisitor, body: bytes) -> None:
    answer = await visitor.post("/api/yaml", body)
    assert answer.status in (400, 422)
    assert set(answer.json) >= {"error"}


async def test_a_long_body_is_refused(visitor: PageVisitor) -> None:
    answer = await visitor.post("/api/yaml", json.dumps({"name": "x" * 300_000}).encode())
    assert answer.status == 413
