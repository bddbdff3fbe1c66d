# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp explain``: what a reason means, without a cluster."""

import difflib
from typing import Any, Final

from smtp_operator.api.fixes import fix_for
from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.results import as_json, show
from smtp_operator.cli.terminal import wrapped
from smtp_operator.reconcile.backoff_text import condition_until_then, retry_description

_MATCHES: Final = 5


def reason_named(text: str) -> Reason:
    """The reason of that name, in whatever case.

    Raises:
        PluginFailed: there is none; those that look like it are named.
    """
    names = {str(reason).casefold(): reason for reason in Reason}
    wanted = text.strip().casefold()
    if wanted in names:
        return names[wanted]
    near = difflib.get_close_matches(wanted, names, n=_MATCHES, cutoff=0.6)
    near += [name for name in names if wanted and wanted in name and name not in near]
    if near:
        raise PluginFailed(
            f"there is no reason {text!r}; did you mean {_or([str(names[it]) for it in near[:5]])}?"
        )
    raise PluginFailed(f"there is no reason {text!r}; kubectl get smtpconfig shows the reason as STATUS")


def explain(text: str, output: str) -> None:
    """Shows what the reason of that name means; ``output`` is ``text`` or ``json``.

    Raises:
        PluginFailed: there is no such reason.
    """
    show(_explanation(reason_named(text), output))


def _explanation(reason: Reason, output: str) -> str:
    info = REASONS[reason]
    if output == "json":
        shown: dict[str, Any] = {
            "reason": str(reason),
            "meaning": info.meaning,
            "mends": fix_for(reason),
            "retry": str(info.retry),
            "nextTest": _plain(retry_description(info.retry)),
            "condition": _plain(condition_until_then(info.retry)),
        }
        return as_json(shown)
    rows = [
        ("What mends it", fix_for(reason)),
        ("Next test", f"{_plain(retry_description(info.retry))}; at once after a change or a request"),
        ("Until then", _plain(condition_until_then(info.retry))),
        ("Retry class", str(info.retry)),
    ]
    lines = [str(reason), *wrapped(info.meaning), ""]
    for title, text in rows:
        if text:
            first, *rest = wrapped(text, " " * 17)
            lines += [f"  {title + ':':<15}{first.lstrip()}", *rest]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return text.replace("`", "")


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
