# SPDX-License-Identifier: Apache-2.0
"""Checks of each request to the page's server, and the headers of each response.

Threats: web pages in the same browser, a foreign DNS name that resolves to this machine, and other users of
this machine. Only a browser that received the one-time token gets a session.
"""

import hmac
import secrets
from collections.abc import Mapping
from typing import Final

CHANGE_HEADER: Final = "X-Smtp-Operator-Ui"
"""Header of each change. A foreign page cannot set it without a preflight request, which is refused."""

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)

RESPONSE_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class RequestDenied(Exception):
    """The request is not from the page. The text says what is wrong with it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Session:
    """The only session of a server: a one-time token, then a cookie."""

    def __init__(self, port: int) -> None:
        """Create a session with a new token for the server on this port."""
        self.port = port
        self.token = secrets.token_urlsafe(32)
        """The one-time token in the URL's fragment, which a browser never sends."""
        self._used = False
        self._cookie = secrets.token_urlsafe(32)

    @property
    def url(self) -> str:
        """The URL to open, with the token."""
        return f"{self.origin}/#token={self.token}"

    @property
    def origin(self) -> str:
        """The origin of the page."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cookie_name(self) -> str:
        """The name of the cookie. It contains the port: cookies of all ports of a host are sent to each."""
        return f"smtp-operator-ui-{self.port}"

    def exchange(self, token: str) -> str:
        """Return the value of the cookie for the token, which is then used up.

        Raises:
            RequestDenied: the token is wrong, or was exchanged before.
        """
        matches = hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())
        if not matches or self._used:
            raise RequestDenied(
                403,
                "This link is not valid any more: it works once. Stop kubectl smtp ui with Ctrl-C, and start"
                " it again.",
            )
        self._used = True
        return self._cookie

    def check_origin(self, method: str, headers: Mapping[str, str]) -> None:
        """Check that the request is for this server, and that a change comes from its page.

        Raises:
            RequestDenied: it is not.
        """
        hosts = (f"127.0.0.1:{self.port}", f"localhost:{self.port}")
        host = headers.get("Host", "")
        if host not in hosts:
            raise RequestDenied(421, f"This server answers only to http://{hosts[0]}.")
        site = headers.get("Sec-Fetch-Site")
        if method in ("GET", "HEAD"):
            return
        if headers.get("Origin") != f"http://{host}":
            raise RequestDenied(403, "The header Origin does not name this page.")
        if site != "same-origin":
            raise RequestDenied(403, "The header Sec-Fetch-Site does not say same-origin.")
        if headers.get(CHANGE_HEADER) != "1":
            raise RequestDenied(403, f"The header {CHANGE_HEADER} is missing.")
        if headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
            raise RequestDenied(415, "The body must be application/json.")

    def check_cookie(self, cookies: Mapping[str, str], headers: Mapping[str, str]) -> None:
        """Check that the request has the cookie of the session, and that no other site caused it.

        Raises:
            RequestDenied: it has not.
        """
        value = cookies.get(self.cookie_name, "")
        if not hmac.compare_digest(value.encode("utf-8", "replace"), self._cookie.encode()):
            raise RequestDenied(
                401,
                "This browser has no session. Start kubectl smtp ui again, and open the URL that it prints.",
            )
        if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            raise RequestDenied(403, "Another site caused this request.")
