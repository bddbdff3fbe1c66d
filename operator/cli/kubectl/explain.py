# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp explain``: explains a reason, without a cluster."""

import difflib
from typing import Any, Final

from smtp_operator.api.documentation import reason_page, reason_url
from smtp_operator.api.fixes import fix_for
from smtp_operator.api.reasons import (
    OF_DELIVERY,
    OF_DELIVERY_TEXT,
    OF_SENDERS,
    OF_SENDERS_TEXT,
    REASONS,
    Reason,
    Retry,
)
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.results import as_json, show
from smtp_operator.cli.terminal import wrapped
from smtp_operator.reconcile.backoff_text import condition_until_then, retry_description
from smtp_operator.setting_parsers import site_url

DOCS_URL_VARIABLE: Final = "SMTP_OPERATOR_DOCS_URL"
"""The operator's variable for the same setting."""

_MATCHES: Final = 5


def reason_named(text: str) -> Reason:
    """Return the reason with that name; upper and lower case are the same.

    Raises:
        PluginFailed: the reason does not exist; the text lists similar ones.
    """
    if text.strip() in REASONS:
        return Reason(text.strip())
    names = {str(reason).casefold(): reason for reason in reversed(Reason)}  # of DNSUnavailable, the first
    wanted = text.strip().casefold()
    if wanted in names:
        return names[wanted]
    similar = difflib.get_close_matches(wanted, names, n=_MATCHES, cutoff=0.6)
    similar += [name for name in names if wanted and wanted in name and name not in similar]
    if similar:
        raise PluginFailed(
            f"there is no reason {text!r}; did you mean {_or([str(names[it]) for it in similar[:5]])}?"
        )
    raise PluginFailed(
        f"there is no reason {text!r}; kubectl get smtpconfig shows reasons in the column STATUS"
    )


def explain(text: str, output: str, docs_url: str = "") -> None:
    """Show what a reason means; ``output`` is ``text`` or ``json``. It ends with the page, or its address.

    Raises:
        PluginFailed: the reason does not exist.
    """
    reason = reason_named(text)
    try:
        page = reason_url(site_url(docs_url), reason) or reason_page(reason)
    except ValueError as error:
        raise PluginFailed(f"--docs-url {docs_url!r} {error}") from None
    show(_explanation(reason, output, page))


def _explanation(reason: Reason, output: str, page: str) -> str:
    info = REASONS[reason]
    if output == "json":
        shown: dict[str, Any] = {
            "reason": str(reason),
            "meaning": info.meaning,
            "mends": fix_for(reason),
            "retry": str(info.retry),
            "nextTest": _plain(retry_description(info.retry)),
            "condition": _plain(condition_until_then(info.retry)),
            "page": page,
        }
        return as_json(shown)
    rows = [("Fix", fix_for(reason))]
    if reason in OF_DELIVERY:
        rows.append(("Condition", f"Delivered. {OF_DELIVERY_TEXT}"))
    elif reason in OF_SENDERS:
        rows.append(("Condition", f"SenderAuthentication. {OF_SENDERS_TEXT}"))
    else:
        rows += _tests_of(info.retry)
    lines = [str(reason), *wrapped(info.meaning), ""]
    for title, text in rows:
        if text:
            first, *rest = wrapped(text, " " * 17)
            lines += [f"  {title + ':':<15}{first.lstrip()}", *rest]
    return "\n".join([*lines, f"  {'Page:':<15}{page}"]) + "\n"


def _tests_of(retry: Retry) -> list[tuple[str, str]]:
    return [
        ("Next test", f"{_plain(retry_description(retry))}; at once after a change or a request"),
        ("Until then", _plain(condition_until_then(retry))),
        ("Retry class", str(retry)),
    ]


def _plain(text: str) -> str:
    return text.replace("`", "")


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
