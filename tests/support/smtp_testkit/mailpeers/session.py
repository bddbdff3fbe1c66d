# SPDX-License-Identifier: Apache-2.0
"""A connection to ``MailServer``: a line protocol without streams or tasks, cheap enough for thousands."""

import asyncio
import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from smtp_testkit.mailpeers.mailserver import MailServer

_ADDRESS = re.compile(rb"<([^>]*)>")


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """An accepted email: its envelope, its bytes as sent, and details of the connection."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    username: str | None
    tls: bool


@dataclass(frozen=True, slots=True)
class AuthAttempt:
    """A finished AUTH command."""

    mechanism: str
    username: str
    accepted: bool


class Session(asyncio.Protocol):
    """Speaks SMTP with one client, controlled by the attributes of the server."""

    def __init__(self, server: "MailServer", *, starttls: bool, tls: bool) -> None:
        self.server = server
        self.number = 0
        self.starttls = starttls
        self.tls = tls
        self.username: str | None = None
        self.transport: asyncio.Transport | None = None
        self.upgrading: asyncio.Task[None] | None = None
        self.buffer = bytearray()
        self.sender: str | None = None
        self.recipients: list[str] = []
        self.in_data = False
        self.login: tuple[str, list[str]] | None = None
        self.challenge = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, unless it is the same connection after STARTTLS."""
        self.transport = cast(asyncio.Transport, transport)
        if self.upgrading is None:
            self.server.opened(self)
            self.server.on_command("banner")
            if "banner" not in self.server.unanswered:
                self.reply(self.server.replies.get("banner", f"220 {self.server.hostname} ESMTP mailpeers"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.transport = None
        self.server.closed(self)

    def abort(self) -> None:
        """Drop the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def reply(self, text: str) -> None:
        """Send one reply; several lines become a multi-line one."""
        lines = text.splitlines()
        code = lines[0][:3]
        self.server.transcript.extend(f"{self.number} S: {line}" for line in lines)
        out = [f"{code}-{line.removeprefix(code).strip()}" for line in lines[:-1]]
        out.append(lines[-1] if len(lines) == 1 else f"{code} {lines[-1].removeprefix(code).strip()}")
        raw = "".join(f"{line}\r\n" for line in out).encode("utf-8", "surrogateescape")
        if self.server.reply_delay:
            asyncio.get_running_loop().call_later(self.server.reply_delay, self._write, raw)
        else:
            self._write(raw)

    def _write(self, raw: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(raw)

    def data_received(self, data: bytes) -> None:
        """Answer every complete line, or receive the email up to its final dot."""
        self.buffer += data
        while self.upgrading is None or self.tls:
            if self.in_data:
                if self.buffer[:3] == b".\r\n":
                    end, content = 3, b""
                elif (at := self.buffer.find(b"\r\n.\r\n")) >= 0:
                    end, content = at + 5, bytes(self.buffer[: at + 2])
                else:
                    return
                del self.buffer[:end]
                self._end_of_data(content)
                continue
            at = self.buffer.find(b"\n")
            if at < 0:
                return
            line = bytes(self.buffer[:at]).rstrip(b"\r")
            del self.buffer[: at + 1]
            self._line(line)

    def _line(self, line: bytes) -> None:
        self.server.transcript.append(f"{self.number} C: {line.decode(errors='replace')}")
        if self.login is not None:
            self._login_step(line)
            return
        verb, _, rest = line.partition(b" ")
        name = verb.upper().decode("ascii", "replace")
        self.server.on_command(name)
        if name in self.server.unanswered:
            return
        if name in self.server.replies:
            self.reply(self.server.replies[name])
            return
        handler = getattr(self, f"_on_{name.lower()}", None)
        if handler is None:
            self.reply("500 5.5.2 command not recognized")
        else:
            handler(rest)

    def _on_ehlo(self, rest: bytes) -> None:
        offers = [*self.server.extensions]
        if self.starttls and not self.tls:
            offers.append("STARTTLS")
        if self._mechanisms and (self.tls or self.server.auth_without_tls):
            offers.append("AUTH " + " ".join(self._mechanisms))
        self.reply("\n".join(["250 " + self.server.hostname, *offers]))

    @property
    def _mechanisms(self) -> tuple[str, ...]:
        of_passwords = self.server.mechanisms if self.server.users else ()
        return of_passwords + (() if self.server.tokens is None else self.server.token_mechanisms)

    def _on_helo(self, rest: bytes) -> None:
        self.reply("250 " + self.server.hostname)

    def _on_starttls(self, rest: bytes) -> None:
        if not self.starttls or self.tls:
            self.reply("503 5.5.1 no STARTTLS here")
            return
        self.reply("220 2.0.0 go ahead")
        self.buffer.clear()
        self.upgrading = asyncio.get_running_loop().create_task(self._upgrade())

    async def _upgrade(self) -> None:
        assert self.transport is not None
        transport = self.transport
        try:
            upgraded = await asyncio.get_running_loop().start_tls(
                transport, self, self.server.tls_context, server_side=True
            )
        except OSError:  # the client rejected the certificate
            transport.abort()
            self.connection_lost(None)
            return
        if upgraded is None:  # dropped by us in the middle of it
            self.connection_lost(None)
            return
        self.transport = upgraded
        self.tls = True
        self.sender, self.recipients, self.username = None, [], None
        self.data_received(b"")  # a fast client has already sent its next command

    def _on_auth(self, rest: bytes) -> None:
        mechanism, _, initial = rest.decode("ascii", "replace").partition(" ")
        mechanism = mechanism.upper()
        if mechanism not in self._mechanisms:
            self.reply("504 5.5.4 mechanism not offered")
            return
        self.login = (mechanism, [])
        if initial:
            self._login_step(initial.encode())
        elif mechanism == "CRAM-MD5":
            self.challenge = f"<{id(self)}.{self.server.connections_total}@{self.server.hostname}>"
            self.reply("334 " + base64.b64encode(self.challenge.encode()).decode())
        else:
            self.reply("334 " + ("VXNlcm5hbWU6" if mechanism == "LOGIN" else ""))

    def _login_step(self, line: bytes) -> None:
        assert self.login is not None
        mechanism, parts = self.login
        try:
            parts.append(base64.b64decode(line, validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            self.login = None
            self.reply("501 5.5.2 cannot decode")
            return
        if mechanism == "LOGIN" and len(parts) == 1:
            self.reply("334 UGFzc3dvcmQ6")
            return
        if mechanism in self.server.token_mechanisms:
            self._token_step(mechanism, parts)
            return
        self.login = None
        username, accepted = self._checked(mechanism, parts)
        self.server.attempted(mechanism, username, accepted=accepted)
        if accepted:
            self.username = username
            self.reply("235 2.7.0 authentication successful")
        else:
            self.reply("535 5.7.8 authentication failed")

    def _token_step(self, mechanism: str, parts: list[str]) -> None:
        """Answer an invalid token with its error as a 334, and with 535 after the client's next line."""
        username, token = _user_and_token(mechanism, parts[0])
        accepted = self.server.tokens is not None and token in self.server.tokens
        if not accepted and len(parts) == 1:
            error = json.dumps(self.server.token_error).encode()
            self.reply("334 " + base64.b64encode(error).decode())
            return
        self.login = None
        answered = accepted or parts[1] == {"XOAUTH2": "", "OAUTHBEARER": "\1"}[mechanism]
        self.server.attempted(mechanism, username, accepted=accepted)
        if accepted:
            self.username = username
            self.reply("235 2.7.0 authentication successful")
        else:
            self.reply("535 5.7.8 authentication failed" if answered else "501 5.5.2 not the answer to that")

    def _checked(self, mechanism: str, parts: list[str]) -> tuple[str, bool]:
        users = self.server.users
        if mechanism == "CRAM-MD5":
            username, _, digest = parts[0].rpartition(" ")
            password = users.get(username)
            if password is None:
                return username, False
            expected = hmac.new(password.encode(), self.challenge.encode(), "md5").hexdigest()
            return username, hmac.compare_digest(digest, expected)
        if mechanism == "PLAIN":
            username, password = [*parts[0].split("\0"), "", ""][1:3]
        else:
            username, password = parts
        return username, username in users and users[username] == password

    def _on_mail(self, rest: bytes) -> None:
        sender = self._address(rest)
        if self.server.require_auth and self.username is None:
            self.reply("530 5.7.0 authentication required")
        elif sender in self.server.refused_senders:
            self.reply(self.server.refused_senders[sender])
        else:
            self.sender, self.recipients = sender, []
            self.reply("250 2.1.0 ok")

    def _on_rcpt(self, rest: bytes) -> None:
        recipient = self._address(rest)
        if self.sender is None:
            self.reply("503 5.5.1 MAIL first")
        elif recipient in self.server.refused_recipients:
            self.reply(self.server.refused_recipients[recipient])
        else:
            self.recipients.append(recipient)
            self.reply("250 2.1.5 ok")

    @staticmethod
    def _address(rest: bytes) -> str:
        found = _ADDRESS.search(rest)
        return found[1].decode("utf-8", "replace") if found else ""

    def _on_data(self, rest: bytes) -> None:
        if not self.recipients:
            self.reply("554 5.5.1 no valid recipients")
            return
        self.in_data = True
        self.reply("354 end with a dot")

    def _end_of_data(self, content: bytes) -> None:
        self.in_data = False
        self.server.on_command(".")
        answer = self.server.replies.get(".")
        if answer is not None and not answer.startswith("2"):
            self.reply(answer)
            return
        assert self.sender is not None
        content = content.replace(b"\r\n..", b"\r\n.")
        if content.startswith(b".."):
            content = content[1:]
        self.server.received(
            ReceivedMail(self.sender, tuple(self.recipients), content, self.username, self.tls)
        )
        self.sender, self.recipients = None, []
        if "." in self.server.unanswered:
            return
        self.reply(answer or f"250 2.0.0 queued as {len(self.server.mails):X}")

    def _on_rset(self, rest: bytes) -> None:
        self.sender, self.recipients = None, []
        self.reply("250 2.0.0 ok")

    def _on_noop(self, rest: bytes) -> None:
        self.reply("250 2.0.0 ok")

    def _on_quit(self, rest: bytes) -> None:
        self.reply("221 2.0.0 bye")
        if self.transport is not None:
            if self.server.reply_delay:
                asyncio.get_running_loop().call_later(self.server.reply_delay, self.transport.close)
            else:
                self.transport.close()


def _user_and_token(mechanism: str, response: str) -> tuple[str, str]:
    """Parse XOAUTH2 (Google) or OAUTHBEARER (RFC 7628); return empty strings for any other form."""
    pattern = r"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01"
    if mechanism == "OAUTHBEARER":
        pattern = r"n,a=([^,\x01]+),\x01auth=Bearer ([^\x01]+)\x01\x01"
    found = re.fullmatch(pattern, response)
    return (found[1].replace("=2C", ",").replace("=3D", "="), found[2]) if found else ("", "")
