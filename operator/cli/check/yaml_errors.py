# SPDX-License-Identifier: Apache-2.0
"""Explains in plain words why a text is not YAML, and names the line where the mistake begins.

A parser reports the place where it gave up. An unclosed quote, for example, begins some lines earlier. No
message quotes a value: it could be a password.
"""

import re
from typing import Final, NamedTuple

import yaml

_LINE_BREAK: Final = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_TEMPLATE: Final = re.compile(r"\{\{|\{%|<%|\{#|\[\[ *\.|\$\{\{")
_VARIABLE: Final = re.compile(r"\$\{|\$\(|\$[A-Z_]{2}|%[A-Z_]{2,40}%|__[A-Z_]{2,40}__")
_CONFLICT: Final = re.compile(r"(?:<{7}|={7}|>{7})(?: |$)")
_MARKUP: Final = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
_SECTION: Final = re.compile(r"\[[\w .-]{1,63}\]\s*")
_ASSIGNMENT: Final = re.compile(r"[\w.-]{1,63} *=")
_FENCE: Final = re.compile(r"\s*(?:```|~~~)")
_NO_BLANK: Final = re.compile(r"\s*(?:- +)?(?P<key>[A-Za-z]\w*):(?=[^\s/:])")
_QUOTE_OPENS: Final = re.compile(r"(?:^\s*(?:- +)*|: +|[\[{,] *|- +)(?P<quote>[\"'])")
_BLANKS: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INVISIBLE: Final = "\u200b-\u200f\u2060\ufeff\u00ad"
_ODD_STRUCTURE: Final = re.compile(
    rf"^[ \-]*[{_BLANKS}{_INVISIBLE}]|(?:^|[\w\"'])[:\-] *[{_BLANKS}{_INVISIBLE}]"
)
_ODD: Final = re.compile(f"[{_BLANKS}{_INVISIBLE}]")
_DASHES: Final = re.compile(r"-{2}|-{4,}")
_ZERO_WIDTH: Final = re.compile(f"[{_INVISIBLE}]")
_DOUBLE: Final = re.compile(r"(?:[^\"\\]+|\\.)*+\"")
_SINGLE: Final = re.compile(r"(?:[^']+|'')*+'")
_COLON_AND_SPACE: Final = re.compile(r":\s")
_SMART_QUOTE: Final = re.compile(
    r"(?:^\s*|[:\[{,\-] *)(?P<mark>[\u201c-\u201f\u2018-\u201b\u00ab\u2039\u300c])"
)
_WIDE_COLON: Final = re.compile(r"^\s*(?:- +)?\w+ *(?P<mark>[\uff1a\ufe55\ua789])")
_NAMES: Final = {
    "\u00a0": "a non-breaking space",
    "\u202f": "a non-breaking space",
    "\ufeff": "a byte order mark",
    "\u200b": "a zero-width space",
    "\u00ad": "a soft hyphen",
}
_KEY: Final = re.compile(r"[\w./-]{1,63}", re.ASCII)
_FIELD: Final = re.compile(r"\s*(?:- +)?(?P<key>[A-Za-z]\w{0,62}): +(?P<value>\S.*)")
_SHOWN: Final = frozenset({"server", "port", "from", "serverName", "heloName", "smtpType"})
"""Fields whose values are no secrets."""
_RESERVED: Final = re.compile(r"found character '(?P<sign>[@`%])'")
_SEPARATE_ITEMS: Final = "each item of a list starts with a dash and a space, in the same column"
_TAB: Final = "a tab; use spaces for indentation"
_INDENTATION: Final = (
    "the indentation differs from that of the lines above; fields of the same map start in the same column"
)
_COLON: Final = "a colon and a space in an unquoted value; put the whole value in quotes"
_NO_COLON: Final = (
    "a line without a colon; write a field as name: value, and start each item of a list with a dash"
)


class Explanation(NamedTuple):
    """The line where a mistake begins, counted from 1 (None: unknown), and what to look for."""

    line: int | None
    text: str


class DuplicateKey(yaml.MarkedYAMLError):
    """A map has a key twice."""

    def __init__(self, key: str, first: yaml.Mark, second: yaml.Mark) -> None:
        super().__init__(problem="duplicate key", problem_mark=second)
        self.key = key
        self.first = first


def explain(text: str, error: yaml.YAMLError) -> Explanation:
    """Return the cause of the error."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Explanation(None, "a control character")
    lines = _LINE_BREAK.split(text)
    mark = error.problem_mark or error.context_mark
    at = min(mark.line, len(lines) - 1) if mark else len(lines) - 1
    return (
        _not_yaml_at_all(lines, at)
        or _odd_character(lines, at)
        or _duplicate(error)
        or _tab(error, lines, at)
        or _quotes(error, lines, at)
        or _flow(error, lines, at)
        or _block(error, lines, at)
        or Explanation(at + 1, _known_words(error))
    )


def hints(text: str, keys: frozenset[str]) -> list[Explanation]:
    """Return what looks wrong in a text that is YAML; ``keys`` are the names of fields.

    YAML reads an unusual blank or quotation mark as a part of a name or value.
    """
    found = []
    for number, line in enumerate(_LINE_BREAK.split(text), 1):
        content = line.split(" #", 1)[0]
        if line.lstrip().startswith("#"):
            continue
        if odd := _odd_of(content):
            found.append(Explanation(number, odd))
        elif (missing := _NO_BLANK.match(content)) and missing["key"] in keys:
            found.append(Explanation(number, f"no space after the colon; write: {missing['key']}: …"))
    return found


def unrendered(value: object) -> str:
    """Return what to do about a template or variable in a value; empty if it has none."""
    if isinstance(value, str) and (template := _TEMPLATE.search(value)):
        shown = _shown(template)
        return f"the template {shown} is not rendered; render it first, for example with helm template"
    if isinstance(value, str) and _VARIABLE.search(value):
        return "a variable such as ${NAME} is not replaced; replace it first, for example with envsubst"
    return ""


def _shown(template: re.Match[str]) -> str:
    ends = {"{{": "}}", "{%": "%}", "<%": "%>", "${{": "}}", "{#": "#}"}
    return f"{template[0]} {ends.get(template[0], ']]')}"


def is_markup(text: str) -> bool:
    """Return whether the text is HTML or XML."""
    return _MARKUP.match(text) is not None


def _other_format(lines: list[str]) -> Explanation | None:
    """Return the explanation of a file in the format of another program."""
    number, first = next(((at, it) for at, it in enumerate(lines, 1) if it.strip(" ;#")), (1, ""))
    if is_markup(first):
        return Explanation(number, "HTML or XML; the file may be an error page instead of the download")
    if _SECTION.fullmatch(first) and any(_ASSIGNMENT.match(it) for it in lines):
        return Explanation(number, "an INI file; write a SmtpConfig in YAML, with name: value in each line")
    return None


def _not_yaml_at_all(lines: list[str], at: int) -> Explanation | None:
    if other := _other_format(lines):
        return other
    for number, line in enumerate(lines[: at + 1], 1):
        if line.lstrip().startswith("#"):
            continue
        if template := _TEMPLATE.search(line):
            return Explanation(
                number,
                f"the template {_shown(template)} is not rendered; render it first, for example with helm"
                " template, or put it in quotes",
            )
        if _CONFLICT.match(line):
            return Explanation(number, "a marker of a Git merge conflict; resolve the conflict")
        if _DASHES.fullmatch(line.rstrip()):
            return Explanation(number, "a line between two objects has exactly three dashes: ---")
        if _FENCE.match(line):
            return Explanation(number, "a Markdown fence; remove it")
    if _VARIABLE.search(lines[at]):
        return Explanation(
            at + 1, "a variable such as ${NAME} is not replaced; replace it, or put it in quotes"
        )
    return None


def _odd_character(lines: list[str], at: int) -> Explanation | None:
    for number, line in enumerate(lines[: at + 1], 1):
        if not line.lstrip().startswith("#") and (odd := _odd_of(line)):
            return Explanation(number, odd)
    return None


def _odd_of(line: str) -> str:
    if _ODD_STRUCTURE.search(line) and (odd := _ODD.search(line)):
        name = _NAMES.get(odd[0], "an unusual space")
        instead = "delete it" if _ZERO_WIDTH.match(odd[0]) else "use a normal space"
        return f"{name} (U+{ord(odd[0]):04X}) in column {odd.start() + 1}; {instead}"
    if mark := _SMART_QUOTE.search(line):
        return f"a typographic quotation mark ({mark['mark']}); use straight quotes (\" or ')"
    if mark := _WIDE_COLON.match(line):
        return f"an unusual colon (U+{ord(mark['mark']):04X}); use the normal one (:)"
    return ""


def _duplicate(error: yaml.MarkedYAMLError) -> Explanation | None:
    if not isinstance(error, DuplicateKey) or error.problem_mark is None:
        return None
    name = f"the key {error.key}" if _KEY.fullmatch(error.key) else "a key"
    text = f"{name} appears twice, first in line {error.first.line + 1}"
    if error.key in ("apiVersion", "kind") and error.problem_mark.column == 0:
        return Explanation(error.problem_mark.line + 1, f"{text}; separate two objects by a line with ---")
    return Explanation(error.problem_mark.line + 1, f"{text}; keep one of them")


def _tab(error: yaml.MarkedYAMLError, lines: list[str], at: int) -> Explanation | None:
    for number, line in enumerate(lines[: at + 1], 1):
        if line.strip() and "\t" in line[: len(line) - len(line.lstrip())]:
            return Explanation(number, _TAB)
    return Explanation(at + 1, _TAB) if r"'\t'" in (error.problem or "") else None


def _quotes(error: yaml.MarkedYAMLError, lines: list[str], at: int) -> Explanation | None:
    problem, context = error.problem or "", error.context or ""
    if "escape" in problem or "expected escape sequence" in problem:
        start = error.context_mark.line if error.context_mark else at
        return Explanation(start + 1, "a backslash in double quotes; use single quotes, or write \\\\")
    opened = next((number for number, line in enumerate(lines[: at + 1], 1) if _opens_a_quote(line)), None)
    if "quoted scalar" in context:
        start = error.context_mark.line + 1 if error.context_mark else at + 1
        first = min(opened or start, start)
        return Explanation(first, "a quote is not closed" + _in_quotes(lines[first - 1]))
    if opened is not None:
        return Explanation(opened, "a quote is not closed" + _in_quotes(lines[opened - 1]))
    if "found '<scalar>'" in problem and _ends_in_a_quote(error, lines[at]):
        return Explanation(
            at + 1,
            "text after the closing quote; put the whole value in single quotes, and write a single quote in"
            " it twice" + _in_quotes(lines[at]),
        )
    return None


def _ends_in_a_quote(error: yaml.MarkedYAMLError, line: str) -> bool:
    """Return whether the text before the problem ends in a quote."""
    column = error.problem_mark.column if error.problem_mark else 0
    return line[:column].rstrip().endswith(('"', "'"))


def _in_quotes(line: str) -> str:
    """Return how to write the field of a line; dots replace a value that could be a secret."""
    found = _FIELD.fullmatch(line.rstrip())
    if found is None:
        return ""
    value, quote = found["value"], found["value"][0]
    if quote in ("'", '"') and (value.endswith(quote) or value.count(quote) == 1):
        value = value.strip(quote)
    shown = f"'{value.replace(chr(39), chr(39) * 2)}'" if found["key"] in _SHOWN else '"..."'
    return f"; write: {found['key']}: {shown}"


def _opens_a_quote(line: str) -> bool:
    """Return whether a value of the line starts with a quote that the line does not close."""
    position = 0
    while opened := _QUOTE_OPENS.search(line, position):
        quote, inside = opened["quote"], line[opened.end() :]
        closed = _DOUBLE.match(inside) if quote == '"' else _SINGLE.match(inside)
        if closed is None:
            return True
        position = opened.end() + closed.end()
    return False


def _flow(error: yaml.MarkedYAMLError, lines: list[str], at: int) -> Explanation | None:
    problem, context = error.problem or "", error.context or ""
    start = error.context_mark.line + 1 if error.context_mark else at + 1
    if "unhashable" in problem:
        return Explanation(start, "braces in braces; put a value with braces in quotes")
    if "got ':'" in problem and start == at + 1 and not _ends_in_a_quote(error, lines[at]):
        return Explanation(start, _COLON)
    if "flow mapping" in context:
        return Explanation(start, "a { without its }, or a comma is missing between two fields")
    if "flow sequence" in context:
        return Explanation(start, "a [ without its ], or a comma is missing between two items")
    if "flow node" in context:
        return Explanation(at + 1, "a sign is missing or superfluous between { } or [ ]")
    return None


def _block(error: yaml.MarkedYAMLError, lines: list[str], at: int) -> Explanation | None:
    problem, context = error.problem or "", error.context or ""
    above = next((number for number in range(at - 1, -1, -1) if lines[number].strip()), None)
    if "mapping values are not allowed" in problem:
        column = error.problem_mark.column if error.problem_mark else 0
        if _COLON_AND_SPACE.search(lines[at][:column]):
            return Explanation(at + 1, _COLON + _in_quotes(lines[at]))
        return _line_before_a_mapping(lines, at, above)
    if "sequence entries are not allowed" in problem:
        return Explanation(
            at + 1, "a list that starts behind a name; write it as [item, item], or on new lines"
        )
    if "simple key" in context and error.context_mark is not None:
        line = error.context_mark.line
        if missing := _NO_BLANK.match(lines[line]):
            return Explanation(line + 1, f"no space after the colon of {missing['key']}")
        return Explanation(line + 1, _NO_COLON)
    if "block collection" in context:
        return Explanation(at + 1, f"a line that is no item of the list above; {_SEPARATE_ITEMS}")
    if "expected <block end>" in problem:
        column = error.problem_mark.column if error.problem_mark else 0
        if lines[at][:column].rstrip().endswith(("]", "}")):
            return Explanation(
                at + 1, "text after a closing bracket; put the whole value in quotes" + _in_quotes(lines[at])
            )
        if lines[at].lstrip().startswith("- "):
            return Explanation(at + 1, f"an item of a list in a map; {_SEPARATE_ITEMS}")
        return Explanation(at + 1, _INDENTATION if ":" in lines[at] else _NO_COLON)
    if "block scalar" in context:
        return Explanation(
            at + 1, "text behind | or >; put the value in quotes, or start it on the next line"
        )
    return None


def _line_before_a_mapping(lines: list[str], at: int, above: int | None) -> Explanation:
    """Return the cause of a field in a place where none can start."""
    if above is not None and _indentation(lines[above]) <= _indentation(lines[at]):
        if missing := _NO_BLANK.match(lines[above]):
            return Explanation(above + 1, f"no space after the colon of {missing['key']}")
        if ":" not in lines[above] and not lines[above].lstrip().startswith("-"):
            return Explanation(above + 1, _NO_COLON)
    return Explanation(at + 1, _INDENTATION)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _known_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or ""
    if reserved := _RESERVED.search(problem):
        return f"an unquoted value that starts with {reserved['sign']}; put it in quotes"
    if "alias" in problem or "anchor" in problem or "alias" in (error.context or ""):
        return "an unquoted value that starts with * or &; put it in quotes"
    if "tag" in problem or "tag" in (error.context or ""):
        return "an unquoted value that starts with !; put it in quotes"
    return "a sign that cannot be here; put values with special characters in quotes"
