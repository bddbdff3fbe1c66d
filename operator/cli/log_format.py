# SPDX-License-Identifier: Apache-2.0
"""Log lines on standard error: each one JSON object or one line of text."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

from smtp_operator.api.timestamps import rfc3339
from smtp_operator.setting_parsers import LogFormat
from smtp_operator.settings import Settings

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_to_json: Final = json.JSONEncoder(ensure_ascii=False, default=str).encode

SILENT: Final = ("azure", "msal")
"""Libraries that log each error they raise, quoting the server; the verdict already reports it."""


def set_up_logging(settings: Settings) -> None:
    """Send every log record of this process to standard error."""
    # No line shows these, and they take as long as the rest of a record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # the documented way not to look for the caller
    handler = logging.StreamHandler(sys.stderr)
    formatter = JsonFormatter if settings.log_format is LogFormat.JSON else TextFormatter
    handler.setFormatter(formatter(tracebacks=settings.debug))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # for libraries, whose debug lines can contain objects
    logging.getLogger("smtp_operator").setLevel(settings.log_level.upper())
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time, level, message and the record's extra fields."""

    def __init__(self, *, tracebacks: bool = False) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without a newline."""
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": _message(record),
        }
        line.update(_extra(record))
        if self._tracebacks and record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _to_json(line)


class TextFormatter(logging.Formatter):
    """Formats a record as ``2026-01-31T12:00:00.000Z INFO message key=value``."""

    def __init__(self, *, tracebacks: bool = False) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without a trailing newline."""
        text = " ".join(
            [
                _time(record),
                record.levelname,
                _one_line(_message(record)),
                *(f"{name}={json.dumps(value, default=str)}" for name, value in _extra(record).items()),
            ]
        )
        if self._tracebacks and record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


def _time(record: logging.LogRecord) -> str:
    return rfc3339(datetime.fromtimestamp(record.created, UTC), timespec="milliseconds")


def _message(record: logging.LogRecord) -> str:
    """Return the text, followed by the exception, if any."""
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        text = f"{text}: {type(error).__name__}: {error}"
    return text


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
