# SPDX-License-Identifier: Apache-2.0
"""How a message is put together: what happened, where, the server's words, why, and what to change."""

from smtp_operator.api.verdict import MESSAGE_BYTES, Phase, cut


def compose(what: str, *, phase: Phase | None = None, said: str = "", why: str = "", fix: str = "") -> str:
    """One message of at most 1,024 bytes: ``what [in PHASE, server said: "said"]. Why. Fix.``

    ``said`` is redacted already. Where all of it is too long, the server's words are cut first and what
    to change stays.
    """
    tail = "".join(f" {_sentence(text)}" for text in (why, fix) if text)
    room = (
        MESSAGE_BYTES - len(_head(what, phase, "").encode()) - len(tail.encode()) - len(', server said: ""')
    )
    if said and len(said.encode()) > room:
        said = cut(said, limit=max(room, 16))
    return cut(_head(what, phase, said) + tail)


def _head(what: str, phase: Phase | None, said: str) -> str:
    where = [f"in {phase}"] if phase is not None else []
    if said:
        where.append(f'server said: "{said}"')
    return f"{what} [{', '.join(where)}]." if where else _sentence(what)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
