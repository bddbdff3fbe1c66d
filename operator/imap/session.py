# SPDX-License-Identifier: Apache-2.0
"""The dialogue with an IMAP server, which blocks its thread.

Only the email with our Message-ID is read, changed or deleted: folders are opened with EXAMINE, contents are
fetched with BODY.PEEK, and UID EXPUNGE names the copies. Bounces are the exception, see ``MailboxRequest``.
"""

import contextlib
import imaplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any, Final, NamedTuple

from smtp_operator.api.delivery import ImapType
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.imap import failures
from smtp_operator.imap.bounces import bounce_of, same_id
from smtp_operator.imap.connection import ImapConnection, PlaintextBeforeTls
from smtp_operator.imap.folders import marked_junk, named_junk, opened
from smtp_operator.imap.request import Folder, FoundEmail, MailboxReport, MailboxRequest, SenderResults
from smtp_operator.imap.sender_results import sender_results
from smtp_operator.network.bounded_sockets import AnswerTooLarge, bounds
from smtp_operator.smtp.quotation import SERVER_TEXT, Quotation
from smtp_operator.smtp.redaction.redactor import Redactor
from smtp_operator.smtp.replies import clean

_SIZE: Final = 2 * 1024 * 1024
"""Most bytes that a server may send in one look."""
_SILENCE: Final = 20.0
"""Seconds without a packet after which the server counts as silent."""
_LOGOUT: Final = 2.0
_MOST_COPIES: Final = 50
_MOST_BOUNCES: Final = 20
_ID: Final = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]<0.4096>"
_HEADER: Final = "BODY.PEEK[HEADER]<0.65536>"
_BOUNCE: Final = "BODY.PEEK[]<0.131072>"
_BOTH_FOLDERS_EVERY: Final = 10.0
"""Seconds in IDLE after which both folders are searched: IDLE reports the inbox only."""
_RESULTS: Final = frozenset(
    {"", "fail", "neutral", "none", "pass", "permerror", "policy", "softfail", "temperror"}
)
"""Results of RFC 8601; others are text of the server."""
_NEWS_EVERY: Final = 1.0
"""Shortest time between two searches, whatever the server reports."""

OnLogin = Callable[[bool, bool], None]
"""Receives whether a login was accepted, and whether it was rejected."""


class MailboxFailed(Exception):
    """The mailbox cannot be read; the verdict says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict.reason))
        self.verdict = verdict


class _Copy(NamedTuple):
    arrived: float
    folder: Folder
    name: str
    uid: int


class MailboxSession:
    """A look, from the TLS handshake to LOGOUT."""

    def __init__(self, request: MailboxRequest, *, on_login: OnLogin) -> None:
        self._request = request
        self._on_login = on_login
        self._phase: Phase | None = Phase.TLS if request.imap_type is ImapType.TLS else Phase.BANNER
        self._server_name = request.tls.server_name or request.server
        login = request.login
        self._redactor = Redactor(
            secrets=[login.password],
            username=login.username,
            secret_user=bool(login.username_origin),
            public=[request.server, self._server_name],
        )
        self._client: ImapConnection | None = None

    def run(
        self, sock: socket.socket, context: ssl.SSLContext, server_name: str, stop: threading.Event
    ) -> MailboxReport:
        """Look once; block until done, until the time is over, or until the event ``stop`` is set."""
        request = self._request
        bounds.begin(total=request.timeout + request.wait, read=_SILENCE, size=_SIZE, stop=stop)
        self._server_name = server_name
        started = time.monotonic()
        try:
            return self._look(sock, context)
        except MailboxFailed as failed:
            return MailboxReport(failure=failed.verdict)
        except Exception as error:  # a server can break the libraries in many ways
            return MailboxReport(failure=self._verdict_on(error, time.monotonic() - started))
        finally:
            sock.close()
            self._log_out()

    def _verdict_on(self, error: Exception, seconds: float) -> Verdict:
        request, phase = self._request, self._phase
        match error:
            case TimeoutError():
                return failures.silent(request, phase, min(seconds, _SILENCE))
            case AnswerTooLarge():
                return failures.invalid_reply(request, phase, "It sent more than the operator reads")
            case PlaintextBeforeTls():
                return failures.invalid_reply(
                    request, phase, "It sent more than its reply before TLS: someone on the way may add data"
                )
            case ssl.SSLError() if phase is Phase.TLS:
                return failures.tls_failed(request, error, self._server_name)
            case imaplib.IMAP4.abort() if "unexpected response" not in str(error):
                return failures.closed(request, phase, self._said())
            case imaplib.IMAP4.error() if phase is Phase.BANNER:
                said = error.args[0] if error.args and isinstance(error.args[0], bytes) else b""
                if not said.upper().startswith(b"* BYE"):
                    return failures.not_imap(request)
                return failures.closed(
                    request, phase, self._redactor.quotation(said[5:].decode("utf-8", "replace"))
                )
            case OSError():
                return failures.closed(request, phase, self._said())
            case imaplib.IMAP4.abort():
                return failures.invalid_reply(request, phase, "")
            case imaplib.IMAP4.error():
                return failures.refused(request, self._said())
        return failures.invalid_reply(request, phase, "")

    def _said(self) -> Quotation:
        client = self._client
        return self._redactor.quotation(client.last_reply) if client is not None else Quotation()

    def _log_out(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        bounds.deadline = min(bounds.deadline, time.monotonic() + _LOGOUT)
        with contextlib.suppress(Exception):  # nothing depends on it
            client.commands.logout()
        with contextlib.suppress(Exception):
            client.commands.shutdown()

    def _look(self, sock: socket.socket, context: ssl.SSLContext) -> MailboxReport:
        request = self._request
        implicit = request.imap_type is ImapType.TLS
        client = ImapConnection.over(
            sock, context=context, implicit=implicit, host=self._server_name, greeting=self._greeting
        )
        self._client = client
        if client.is_logged_in:
            raise MailboxFailed(
                failures.invalid_reply(request, Phase.BANNER, "It says that the client is logged in already")
            )
        if not implicit:
            self._start_tls(client, context)
        self._log_in(client)
        self._phase = None
        folders = self._folders(client)
        if request.delete:
            return MailboxReport(found=self._delete(client, self._all_copies(client, folders)))
        found, bounce = self._search(client, folders), ""
        waits = request.wait > 0 and client.commands.has_capability("IDLE")
        until = time.monotonic() + request.wait
        while found is None and not (bounce := self._bounce(client)) and waits:
            left = until - time.monotonic()
            if left <= 0:
                break
            waits = self._idle(client, min(left, _BOTH_FOLDERS_EVERY))
            found = self._search(client, folders, live=True) if waits else None
        return MailboxReport(found=found, bounce="" if found else bounce, waited=waits)

    def _greeting(self) -> None:
        self._phase = Phase.BANNER

    def _start_tls(self, client: ImapConnection, context: ssl.SSLContext) -> None:
        self._phase = Phase.START_TLS
        if not client.commands.has_capability("STARTTLS"):
            raise MailboxFailed(failures.start_tls_not_offered(self._request))
        try:
            client.imap.before_handshake = self._handshake
            client.commands.starttls(context)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            raise MailboxFailed(failures.start_tls_refused(self._request, self._said())) from None

    def _handshake(self) -> None:
        self._phase = Phase.TLS

    def _log_in(self, client: ImapConnection) -> None:
        self._phase = Phase.AUTH
        request, login = self._request, self._request.login
        offered = set(client.commands.capabilities())
        client.imap.said.clear()
        self._redactor.login_sent()
        try:
            if login.by_token:
                self._by_token(client, offered)
            elif b"AUTH=PLAIN" in offered:
                client.commands.sasl_login(
                    "PLAIN", _Answers(f"\0{login.username}\0{login.password}".encode())
                )
            elif b"LOGINDISABLED" in offered or not _fits_login(login.username + login.password):
                raise MailboxFailed(failures.login_not_offered(request, "AUTH PLAIN"))
            else:
                client.commands.login(client.quoted(login.username), login.password)
        except imaplib.IMAP4.error:
            text = client.last_reply
            if not client.was_answered:
                self._on_login(False, False)
                raise MailboxFailed(failures.closed(request, Phase.AUTH, self._said())) from None
            verdict = failures.login_refused(request, clean(text), self._said())
            self._on_login(False, not verdict.retry.is_transient)
            raise MailboxFailed(verdict) from None
        except BaseException:
            self._on_login(False, False)
            raise
        self._on_login(True, False)

    def _by_token(self, client: ImapConnection, offered: set[bytes]) -> None:
        login = self._request.login
        bearer = f"auth=Bearer {login.password}\x01\x01"
        if b"AUTH=XOAUTH2" in offered:
            client.commands.sasl_login("XOAUTH2", _Answers(f"user={login.username}\x01{bearer}".encode()))
        elif b"AUTH=OAUTHBEARER" in offered:
            user = login.username.replace("=", "=3D").replace(",", "=2C")
            client.commands.sasl_login("OAUTHBEARER", _Answers(f"n,a={user},\x01{bearer}".encode(), b"\x01"))
        else:
            raise MailboxFailed(failures.login_not_offered(self._request, "access token"))

    def _folders(self, client: ImapConnection) -> list[tuple[Folder, str]]:
        """Return the folders to search; the inbox last, so that IDLE reports it."""
        inbox, junk = self._request.inbox, self._request.junk
        names = self._junk_folders(client) if junk is None else [junk]
        return [*((Folder.JUNK, it) for it in names if it and it != inbox), (Folder.INBOX, inbox)]

    def _junk_folders(self, client: ImapConnection) -> list[str]:
        """Return the server's own folders for spam; none if it does not list folders."""
        try:
            listed = opened(client.commands.list_folders())
            marked = marked_junk(listed)
            if not marked and client.lists_special_use:
                marked = marked_junk(opened(client.special_folders()))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return []
        return marked or named_junk(listed)

    def _open(self, client: ImapConnection, folder: Folder, name: str) -> bool:
        """Open a folder without a change to it; return False if the server's own junk folder fails."""
        try:
            client.commands.select_folder(name, readonly=True)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            if folder is Folder.JUNK and self._request.junk is None:
                return False
            field = "inbox" if folder is Folder.INBOX else "junk"
            raise MailboxFailed(
                failures.folder_not_opened(self._request, field, name, self._said())
            ) from None
        return True

    def _search(
        self, client: ImapConnection, folders: list[tuple[Folder, str]], *, live: bool = False
    ) -> FoundEmail | None:
        copies = self._all_copies(client, folders)
        if not copies:
            return None
        oldest = min(copies, key=lambda it: (it.arrived, it.folder is not Folder.INBOX, it.uid))
        if oldest.name != self._request.inbox:
            self._open(client, oldest.folder, oldest.name)
        header = _content(client.commands.fetch([oldest.uid], [_HEADER]).get(oldest.uid, {}))
        results = self._redacted(sender_results(message_from_bytes(header), self._request.authserv_id))
        return FoundEmail(folder=oldest.folder, arrived=oldest.arrived, results=results, live=live)

    def _redacted(self, results: SenderResults) -> SenderResults:
        """Return results without secrets: the server chooses every word of them."""
        known = {it.name: getattr(results, it.name) for it in fields(results)}
        return SenderResults(
            **{name: it if it in _RESULTS else self._redactor.shown(it) for name, it in known.items()}
        )

    def _all_copies(self, client: ImapConnection, folders: list[tuple[Folder, str]]) -> list[_Copy]:
        return [
            copy
            for folder, name in folders
            if self._open(client, folder, name)
            for copy in self._copies(client, folder, name)
        ]

    def _copies(self, client: ImapConnection, folder: Folder, name: str) -> Iterator[_Copy]:
        """Yield the emails with exactly our Message-ID; SEARCH also finds it as a part of another one."""
        message_id = self._request.message_id
        uids = sorted(client.commands.search(["HEADER", "Message-ID", message_id]))[-_MOST_COPIES:]
        for uid, data in client.commands.fetch(uids, [_ID, "INTERNALDATE"]).items():
            if same_id(message_from_bytes(_content(data)).get("Message-ID"), message_id):
                yield _Copy(_arrival(data), folder, name, uid)

    def _delete(self, client: ImapConnection, copies: list[_Copy]) -> FoundEmail | None:
        """Delete all copies; return the first one that remains."""
        for name in dict.fromkeys(it.name for it in copies):
            those = [it for it in copies if it.name == name]
            uids = [it.uid for it in those]
            try:
                client.commands.select_folder(name)
                client.commands.add_flags(uids, [b"\\Deleted"], silent=True)
                if client.commands.has_capability("UIDPLUS"):
                    client.commands.uid_expunge(uids)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                left = self._said().cut(SERVER_TEXT) or "no reason"
                return FoundEmail(folder=those[0].folder, arrived=those[0].arrived, left=left)
        return None

    def _bounce(self, client: ImapConnection) -> str:
        """Return the reply in a bounce of our email; the inbox is open."""
        request = self._request
        if not request.bounces_to:
            return ""
        since = datetime.fromtimestamp(request.sent, UTC) - timedelta(days=1)
        criteria = ["SINCE", since.date(), "HEADER", "Content-Type", "delivery-status"]
        uids = sorted(client.commands.search(criteria))[-_MOST_BOUNCES:]
        for uid, data in client.commands.fetch(uids, ["INTERNALDATE"]).items():
            if _arrival(data) < request.sent - 1:
                continue
            raw = _content(client.commands.fetch([uid], [_BOUNCE]).get(uid, {}))
            reply = bounce_of(raw, message_id=request.message_id, address=request.bounces_to)
            if reply is not None:
                return self._redactor.shown(reply)
        return ""

    def _idle(self, client: ImapConnection, seconds: float) -> bool:
        """Wait for news; return False if the server refuses IDLE, although it offers it."""
        started = time.monotonic()
        try:
            client.commands.idle()
            if client.wait_for_news(seconds):
                bounds.pause(_NEWS_EVERY - (time.monotonic() - started))
            client.commands.idle_done()
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return False
        return True


class _Answers:
    """The client's side of a SASL exchange: the credentials once, then the reply to an error."""

    def __init__(self, first: bytes, then: bytes = b"") -> None:
        self._answers = [first]
        self._then = then

    def __call__(self, challenge: bytes) -> bytes:
        return self._answers.pop() if self._answers else self._then


def _fits_login(text: str) -> bool:
    """Return whether LOGIN can carry the text as a quoted string."""
    return text.isascii() and text.isprintable()


def _content(data: dict[bytes, Any]) -> bytes:
    return next((value for name, value in data.items() if name.startswith(b"BODY[") and value), b"")


def _arrival(data: dict[bytes, Any]) -> float:
    found = data.get(b"INTERNALDATE")
    try:
        return found.timestamp() if isinstance(found, datetime) else 0.0
    except (ValueError, OverflowError):  # a time zone that does not exist
        return 0.0
