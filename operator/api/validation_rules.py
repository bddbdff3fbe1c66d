# SPDX-License-Identifier: Apache-2.0
"""Validation rules that a schema cannot express: one message, with a check in CEL and the same in Python.

A field or model has its rules as annotations: ``crd.py`` writes the CEL for the API server, pydantic runs the
Python. A test with a table of accepted and refused values checks that both give the same answer.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic_core import PydanticCustomError, core_schema

from smtp_operator.api.durations import parse_duration

Check = Callable[[Any], bool]

_REMEMBERED: Final = 1024
"""Number of mail servers and senders whose check is remembered; many objects have the same ones."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A CEL expression over ``self``, the message of a violation, and the same check in Python."""

    expression: str
    message: str
    holds: Check

    def values_passing(self, value: Any) -> Any:
        """Return the value if it passes the rule.

        Raises:
            PydanticCustomError: The value violates the rule.
        """
        if not self.holds(value):
            raise self.violation
        return value

    @property
    def violation(self) -> PydanticCustomError:
        """Return the error of a violation; it never contains the value."""
        return PydanticCustomError("rule", "{sentence}", {"sentence": self.message})

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.values_passing, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return self.added_to(handler(schema))

    def added_to(self, json_schema: dict[str, Any]) -> dict[str, Any]:
        """Add this rule to the schema's ``x-kubernetes-validations``; return the schema."""
        json_schema.setdefault("x-kubernetes-validations", []).append(
            {"rule": self.expression, "message": self.message}
        )
        return json_schema


def exactly_one(*fields: str) -> FieldRule:
    """Return the rule that exactly one of these fields is set; named as in the manifest."""
    listed = ", ".join(fields)
    attributes = [to_snake(field) for field in fields]
    return FieldRule(
        f"[{', '.join(f'has(self.{field})' for field in fields)}].exists_one(x, x)",
        f"set exactly one of {listed}",
        lambda it: sum(getattr(it, attribute) is not None for attribute in attributes) == 1,
    )


def required(field: str, sentence: str) -> FieldRule:
    """Return the rule that a field is set; ``sentence`` names the value to set.

    The field is not in the schema's ``required``: the API server would refuse every later write of an object
    that was stored without the field, including writes of its status. It does not check a rule for a
    part that a write leaves unchanged.
    """
    attribute = to_snake(field)
    return FieldRule(f"has(self.{field})", sentence, lambda it: getattr(it, attribute) is not None)


class ListType(StrEnum):
    """``x-kubernetes-list-type``, and the key of a map: how two appliers share a list.

    A set has no duplicates, and a map has none of its key.
    """

    SET = "set"
    ATOMIC = "atomic"
    MAP_BY_TYPE = "map type"
    MAP_BY_NAME = "map name"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        schema = handler(source)
        match self:
            case ListType.SET:
                return core_schema.no_info_after_validator_function(_without_duplicates, schema)
            case ListType.MAP_BY_NAME:
                return core_schema.no_info_after_validator_function(_without_equal_names, schema)
        return schema

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        json_schema = handler(schema)
        kind, _, key = self.value.partition(" ")
        json_schema["x-kubernetes-list-type"] = kind
        if key:
            json_schema["x-kubernetes-list-map-keys"] = [key]
        return json_schema


def _without_duplicates(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("set", "must not have duplicate items")
    return values


def _without_equal_names(values: list[Any]) -> list[Any]:
    _without_duplicates([it.name for it in values])
    return values


_FORMAT: Final = (  # category Cf of Unicode 15, as in the API server: bidi, zero-width, tags
    r"\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064"
    r"\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_CONTROL: Final = rf"\x00-\x1f\x7f-\x9f\u2028\u2029{_FORMAT}"  # and other line separators
_MORE_THAN_ONE_LINE: Final = re.compile(rf"[{_CONTROL}]")
_LETTER: Final = r"[^\W_]"  # letters and digits of any script
_LABEL: Final = rf"{_LETTER}(?:(?:{_LETTER}|-)*{_LETTER})?"
_HOST_LABEL: Final = r"\w(?:[\w-]*\w)?"
_HOST: Final = re.compile(rf"{_HOST_LABEL}(?:\.{_HOST_LABEL})*\.?")
_ENDS_IN_A_NUMBER: Final = re.compile(r"(?:^|\.)[0-9]+\.?$")
_LOCAL_PART: Final = rf"[^\s{_CONTROL}<>()\[\]:;@\\,\"]+"
_ADDRESS: Final = re.compile(rf"{_LOCAL_PART}@{_LABEL}(?:\.{_LABEL})*")
_DISPLAY: Final = rf"(?:\"[^\"{_CONTROL}]*\"|[^\"<>()\[\]:;@\\,{_CONTROL}]*)"
_FROM: Final = re.compile(rf"(?:{_ADDRESS.pattern}|{_DISPLAY} ?<{_ADDRESS.pattern}>)")

_CEL_CONTROL: Final = r"\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}"
_CEL_LABEL: Final = r"[\\p{L}\\p{N}]([\\p{L}\\p{N}-]*[\\p{L}\\p{N}])?"
_CEL_HOST_LABEL: Final = r"[\\p{L}\\p{N}_]([\\p{L}\\p{N}_-]*[\\p{L}\\p{N}_])?"
_CEL_LOCAL_PART: Final = r"[^\\p{Z}\\p{Cc}\\p{Cf}<>()\\[\\]:;@\\\\,\"]+"  # RE2's \s is ASCII only
_CEL_ADDRESS: Final = rf"{_CEL_LOCAL_PART}@{_CEL_LABEL}(\\.{_CEL_LABEL})*"
_CEL_DISPLAY: Final = rf"(\"[^\"{_CEL_CONTROL}]*\"|[^\"<>()\\[\\]:;@\\\\,{_CEL_CONTROL}]*)"


def is_ip(text: str) -> bool:
    """Return whether the text is an IPv4 or IPv6 address, without brackets, zone or IPv4-mapped form."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    # Same as CEL's isIP(): no zone, and no IPv4-mapped IPv6 address.
    return isinstance(address, ipaddress.IPv4Address) or (
        address.scope_id is None and address.ipv4_mapped is None
    )


@lru_cache(_REMEMBERED)
def _is_host(text: str) -> bool:
    if _HOST.fullmatch(text) is not None and _ENDS_IN_A_NUMBER.search(text) is None:
        return True
    return is_ip(text)


def host_rule(field: str) -> FieldRule:
    """Return the rule that a field is a host name or an IP address."""
    return FieldRule(
        f"isIP(self) || (self.matches('^{_CEL_HOST_LABEL}(\\\\.{_CEL_HOST_LABEL})*\\\\.?$')"
        " && !self.matches('(^|\\\\.)[0-9]+\\\\.?$'))",
        f"{field} must be a host name or an IP address, without scheme, port, brackets or spaces",
        _is_host,
    )


ONE_LINE: Final = FieldRule(
    f"!self.matches('[{_CEL_CONTROL}]')",
    "must be one line without control or invisible characters",
    lambda text: _MORE_THAN_ONE_LINE.search(text) is None,
)

MAIL_ADDRESS: Final = FieldRule(
    f"self.matches('^{_CEL_ADDRESS}$')",
    "must be one email address such as ops@example.com, without display name",
    lambda text: _ADDRESS.fullmatch(text) is not None,
)

FROM_ADDRESS: Final = FieldRule(
    f"self.matches('^({_CEL_ADDRESS}|{_CEL_DISPLAY} ?<{_CEL_ADDRESS}>)$')",
    "from must be one email address, such as noreply@example.com or Platform Team <noreply@example.com>",
    lambda text: _FROM.fullmatch(text) is not None,
)

_DISPLAY_NAME_CHARACTERS: Final = 64
_DOT: Final = ".\u2024\u3002\uff0e\uff61"  # and characters that mail programs or browsers read as a dot
_NUMBERS: Final = rf"[0-9]+[{_DOT}][0-9]+[{_DOT}][0-9]+[{_DOT}][0-9]"
_LINK: Final = re.compile(rf"://|www[{_DOT}]|[{_DOT}]{_LETTER}{{2}}|(?<![0-9]){_NUMBERS}", re.IGNORECASE)
_CEL_LINK: Final = rf"(?i)(://|www[{_DOT}]|[{_DOT}][\\p{{L}}\\p{{N}}]{{2}}|{_NUMBERS})"
_WORD: Final = '[^ "]+'
_ONLY_ADDRESS: Final = "^[^@/:?#]+@[^@/:?#]+$"
_WORD_PATTERN: Final = re.compile(_WORD)
_ONLY_ADDRESS_PATTERN: Final = re.compile(_ONLY_ADDRESS)


def looks_like_a_link(text: str) -> bool:
    """Return whether a mail program may turn the text into a link: a URL, host name or IPv4 address."""
    return _LINK.search(text) is not None


@lru_cache(_REMEMBERED)
def _has_safe_display_name(from_: str) -> bool:
    name, bracket, _ = from_.rpartition("<")
    words = _WORD_PATTERN.findall(name)
    return not bracket or (
        len(name) <= _DISPLAY_NAME_CHARACTERS + 1
        and all(_ONLY_ADDRESS_PATTERN.search(word) or not looks_like_a_link(word) for word in words)
    )


FROM_DISPLAY_NAME: Final = FieldRule(
    f"!self.contains('<') || (self.lastIndexOf('<') <= {_DISPLAY_NAME_CHARACTERS + 1}"
    f" && self.substring(0, self.lastIndexOf('<')).findAll('{_WORD}')"
    f".all(word, word.matches('{_ONLY_ADDRESS}') || !word.matches('{_CEL_LINK}')))",
    f"from must have a display name of at most {_DISPLAY_NAME_CHARACTERS} characters without URL or"
    f" host name,"
    " such as Platform Team <noreply@example.com>",
    _has_safe_display_name,
)

# Only characters that need no escaping, or are escaped: every parser then finds the same host in the URL.
_URL_HOST: Final = r"([a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?\.?"
_URL: Final = (
    rf"^https://([^/?#@\s]*@)?({_URL_HOST}|\[[0-9a-fA-F:.]+\])(:[0-9]{{1,5}})?"
    r"([/?#]([a-zA-Z0-9._~!$&()*+,;=:@/?#-]|%[0-9a-fA-F]{2})*)?$"
)
_CEL_URL: Final = _URL.replace("\\", "\\\\")
_HTTPS: Final = re.compile(_URL, re.ASCII)

HTTPS_URL: Final = FieldRule(
    f"self.matches('{_CEL_URL}')",
    "must be an https:// URL",
    lambda text: _HTTPS.fullmatch(text) is not None,
)

NO_QUERY_OR_FRAGMENT: Final = FieldRule(
    "!self.contains('@') && !self.contains('?') && !self.contains('#')",
    "must be an https:// URL without user, query or fragment",
    lambda text: not set(text) & set("@?#"),
)

_CEL_DURATION: Final = r"self.matches('^([0-9]{1,6}(\\.[0-9]{1,3})?(ms|s|m|h))+$')"


def _within(text: str, low: float, high: float, *, or_zero: bool = False) -> bool:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return False
    return low <= seconds <= high or (or_zero and seconds == 0)


TEST_TIMEOUT: Final = FieldRule(
    f"{_CEL_DURATION} && duration(self) >= duration('5s') && duration(self) <= duration('10m')",
    "must be a duration such as 90s, 15m or 1h30m between 5s and 10m",
    lambda text: _within(text, 5, 600),
)

RECHECK_INTERVAL: Final = FieldRule(
    f"{_CEL_DURATION} && (duration(self) == duration('0s')"
    " || (duration(self) >= duration('1m') && duration(self) <= duration('8760h')))",
    'must be a duration such as 90s, 15m or 1h30m between 1m and 8760h, or "0s" for no rechecks',
    lambda text: _within(text, 60, 8760 * 3600, or_zero=True),
)

DELIVERY_WITHIN: Final = FieldRule(
    f"{_CEL_DURATION} && duration(self) >= duration('1m') && duration(self) <= duration('24h')",
    "must be a duration such as 90s, 15m or 1h30m between 1m and 24h",
    lambda text: _within(text, 60, 24 * 3600),
)

DELIVERY_INTERVAL: Final = FieldRule(
    f"{_CEL_DURATION} && (duration(self) == duration('0s')"
    " || (duration(self) >= duration('1h') && duration(self) <= duration('8760h')))",
    'must be a duration such as 24h or 1h30m between 1h and 8760h, or "0s" for no emails of its schedule',
    lambda text: _within(text, 3600, 8760 * 3600, or_zero=True),
)

TTL: Final = FieldRule(
    f"{_CEL_DURATION} && duration(self) >= duration('1m') && duration(self) <= duration('168h')",
    "must be a duration such as 90s, 15m or 1h30m between 1m and 168h",
    lambda text: _within(text, 60, 168 * 3600),
)

_INVALID_IN_CYBERARK: Final = re.compile(rf"[+&%;{_CONTROL}]")
_AZURE_NAME: Final = re.compile(r"[0-9a-zA-Z-]+")
_AZURE_VERSION: Final = re.compile(r"[0-9a-f]{32}")
_INVALID_IN_PATH: Final = re.compile(rf"[{_CONTROL} ?#%\\]|(?:^|/)\.{{1,2}}(?:/|$)")
_INVALID_IN_MOUNT: Final = re.compile(rf"[{_CONTROL}?#%\\]|//|(?:^|/)\.{{1,2}}(?:/|$)")

CYBERARK_VALUE: Final = FieldRule(
    f"!self.matches('[+&%;{_CEL_CONTROL}]')",
    "must not contain +, &, %, ; or control or invisible characters: CyberArk cannot find such values",
    lambda text: _INVALID_IN_CYBERARK.search(text) is None,
)

AZURE_SECRET_NAME: Final = FieldRule(
    "self.matches('^[0-9a-zA-Z-]+$')",
    "must be the name of an Azure Key Vault secret: only letters, digits and hyphens",
    lambda text: _AZURE_NAME.fullmatch(text) is not None,
)

AZURE_VERSION: Final = FieldRule(
    "self.matches('^[0-9a-f]{32}$')",
    "must be the version of an Azure Key Vault secret: 32 hexadecimal digits",
    lambda text: _AZURE_VERSION.fullmatch(text) is not None,
)

# Refuses paths that Vault clients or proxies could read as another path.
VAULT_PATH: Final = FieldRule(
    f"!self.startsWith('/') && !self.endsWith('/') && !self.contains('..') && !self.contains('//')"
    f" && !self.matches('[{_CEL_CONTROL} ?#%\\\\\\\\]|(^|/)[.](/|$)')",
    "path must be relative to the mount: no slash at either end, no '.', '..', '//', spaces, ?, #, % or \\",
    lambda text: (
        not text.startswith("/")
        and not text.endswith("/")
        and ".." not in text
        and "//" not in text
        and _INVALID_IN_PATH.search(text) is None
    ),
)

VAULT_PLACE: Final = FieldRule(
    f"!self.contains('//') && !self.matches('[{_CEL_CONTROL}?#%\\\\\\\\]|(^|/)[.][.]?(/|$)')",
    "must not contain '//', ?, #, % or \\, or '.' or '..' between slashes",
    lambda text: _INVALID_IN_MOUNT.search(text) is None,
)

_SERVER_PATTERN: Final = (
    r"^(\*|(\*\.)?[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5}|\*)$"
)
_SERVER: Final = re.compile(_SERVER_PATTERN)

ALLOWED_SERVER: Final = FieldRule(
    "self.matches('{}')".format(_SERVER_PATTERN.replace("\\", "\\\\")),
    "must be host:port such as smtp.example.com:587 or *.mail.example.com:465",
    lambda text: _SERVER.fullmatch(text) is not None,
)
