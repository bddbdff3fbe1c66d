# SPDX-License-Identifier: Apache-2.0
"""Replies of mail servers from their lines, as in a log."""

import re
from collections.abc import Iterable
from typing import Final

from smtp_operator.smtp.replies import Reply

_LINE: Final = re.compile(r"^([2-5]\d\d)(?:[ -]|$)")


def reply_of(lines: Iterable[str]) -> Reply:
    """Parse the lines of a reply, each with its code. ValueError: they are not an SMTP reply."""
    words = []
    code = 0
    for line in lines:
        found = _LINE.match(line)
        if found is None:
            raise ValueError("not an SMTP reply")
        code = int(found[1])
        words.append(line[4:])
    if not code:
        raise ValueError("not an SMTP reply")
    return Reply.of(code, "\n".join(words))
