# SPDX-License-Identifier: Apache-2.0
"""The transcript of a dialogue, in at most 20 lines without secrets."""

from typing import Final

from smtp_operator.smtp.quotation import Quotation
from smtp_operator.smtp.redaction.redactor import Redactor
from smtp_operator.smtp.replies import Reply

LINES: Final = 20
_FIRST: Final = 6


class Transcript:
    """Collects lines ``S: …`` and ``C: …``. Callers pass the client's lines without secrets."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._said: list[tuple[str, str | Reply]] = []

    def client(self, shown: str) -> None:
        """Add a line of the client, in which the caller has masked every secret."""
        self._said.append(("C", shown))

    def server(self, reply: Reply) -> None:
        """Add a reply of the server."""
        self._said.append(("S", reply))

    def note(self, text: str) -> None:
        """Add an action of the client that is not a line, such as the TLS handshake."""
        self._said.append(("C", f"({text})"))

    @property
    def last_words(self) -> Quotation:
        """The server's last reply, redacted; empty if there is none."""
        replies = (said for _, said in reversed(self._said) if isinstance(said, Reply))
        return next((self._redactor.quotation(reply.line) for reply in replies), Quotation())

    @property
    def lines(self) -> tuple[str, ...]:
        """The redacted dialogue; the start and the end if it is long."""
        said = self._said
        left_out = len(said) - LINES
        if left_out > 0:
            said = [*said[:_FIRST], ("C", f"(… {left_out + 1} lines …)"), *said[_FIRST + left_out + 1 :]]
        return tuple(f"{who}: {self._shown(line)}" for who, line in said)

    def _shown(self, said: str | Reply) -> str:
        if isinstance(said, Reply):
            return self._redactor.shown(said.line)
        return self._redactor.shown(said, from_client=True)
