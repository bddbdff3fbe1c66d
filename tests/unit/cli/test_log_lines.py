# SPDX-License-Identifier: Apache-2.0
"""Each log record is one line, as JSON or text, and shows a traceback only on request."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from smtp_operator.cli.log_format import JsonFormatter, TextFormatter, set_up_logging
from smtp_operator.setting_parsers import LogFormat, LogLevel
from smtp_operator.settings import Settings


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    it = logging.makeLogRecord({"name": "smtp_operator.verdict", "msg": message, "args": args, **extra})
    it.levelno, it.levelname, it.created = logging.INFO, "INFO", 1769860800.125
    return it


def failed() -> logging.LogRecord:
    try:
        raise ValueError("no such thing")
    except ValueError:
        return record("it failed", exc_info=sys.exc_info())


def test_json_is_one_object_with_the_extra_fields() -> None:
    line = JsonFormatter().format(record("%s: %s", "team-a/mail", "TestEmailSent", passed=True, seconds=0.4))
    assert json.loads(line) == {
        "time": "2026-01-31T12:00:00.125Z",
        "level": "info",
        "message": "team-a/mail: TestEmailSent",
        "passed": True,
        "seconds": 0.4,
    }


def test_json_stays_one_line() -> None:
    assert "\n" not in JsonFormatter().format(record("two\nlines"))


def test_text_is_readable() -> None:
    line = TextFormatter().format(record("team-a/mail: TestEmailSent", passed=True, trigger="SpecChanged"))
    assert line == (
        '2026-01-31T12:00:00.125Z INFO team-a/mail: TestEmailSent passed=true trigger="SpecChanged"'
    )


@pytest.mark.parametrize("message", ["two\nlines", "\x1b[31mred", "a\rb"])
def test_text_lets_no_control_character_through(message: str) -> None:
    assert TextFormatter().format(record(message)).isprintable()


@pytest.mark.parametrize("formatter", [JsonFormatter, TextFormatter])
def test_an_exception_is_named_in_short(formatter: type[JsonFormatter | TextFormatter]) -> None:
    line = formatter().format(failed())
    assert "it failed: ValueError: no such thing" in line
    assert "Traceback" not in line


@pytest.mark.parametrize("formatter", [JsonFormatter, TextFormatter])
def test_a_traceback_comes_on_request(formatter: type[JsonFormatter | TextFormatter]) -> None:
    assert "Traceback" in formatter(tracebacks=True).format(failed())


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Restores what ``set_up_logging`` changes."""
    root = logging.getLogger()
    others = [logging.getLogger(name) for name in ("smtp_operator", "azure", "msal")]
    before = root.handlers[:], root.level, [it.level for it in others]
    yield
    root.handlers[:], root.level, levels = before
    for it, level in zip(others, levels, strict=True):
        it.setLevel(level)


@pytest.mark.usefixtures("restored_logging")
def test_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log_format=LogFormat.TEXT))
    logging.getLogger("smtp_operator.x").info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(" INFO hello\n")


@pytest.mark.usefixtures("restored_logging")
def test_debug_lines_of_libraries_stay_out_at_any_level(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log_level=LogLevel.DEBUG))
    logging.getLogger("aiohttp.client").debug("a whole body")
    logging.getLogger("smtp_operator.x").debug("ours")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["ours"]


@pytest.mark.usefixtures("restored_logging")
@pytest.mark.parametrize("name", ["azure.identity.aio._internal.get_token_mixin", "msal.token_cache"])
def test_libraries_that_repeat_server_texts_are_silenced(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    set_up_logging(Settings(log_level=LogLevel.DEBUG))
    logging.getLogger(name).warning("get_token failed: c4nary")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("restored_logging")
def test_lines_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(Settings(log_level=LogLevel.ERROR))
    logging.getLogger("smtp_operator.x").warning("hm")
    assert capsys.readouterr().err == ""
