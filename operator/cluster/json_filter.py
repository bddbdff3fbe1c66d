# SPDX-License-Identifier: Apache-2.0
"""Copy the named members of a JSON text while it arrives, and drop the rest unparsed.

An object may have 1.5 MB in etcd and seven times as much as JSON, since the API server escapes ``<`` as six
characters. Dropped content costs only the time to skip it: one regular expression, which never backtracks,
skips a string or a flat run of values.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic_core import from_json


@dataclass(frozen=True, slots=True)
class Keep:
    """Select what to keep of a value: named members of an object (or of each object of an array), or all."""

    at_most: int
    """Maximum size of the kept part in bytes, as JSON; a larger value is replaced."""
    members: Mapping[str, "Keep"] | None = None
    """Selections by member name; None: keep the whole value, of any type."""
    others: "Keep | None" = None
    """Selection for members that are not named; None: drop them."""
    instead: bytes = b"null"
    """Replacement for a value that is too long."""


_STRING: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_KEY: Final = re.compile(rb'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_FLAT: Final = re.compile(
    rb'[^"{}\[\]]*+(?:(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|\{\}|\[\])[^"{}\[\]]*+)*+', re.DOTALL
)
"""A run of values without members, including whole strings."""
_OPENING: Final = re.compile(rb"[\[{]++")
_CLOSING: Final = re.compile(rb"[\]}]++")
_BETWEEN: Final = re.compile(rb"[\s,:]*+")
_SCALAR: Final = re.compile(rb"[^\s,\]}]*+")
_LONGEST_KEY: Final = 4096


@dataclass(slots=True)
class _Container:
    """An open object or array whose members are filtered."""

    keep: Keep
    start: int
    """Position in the output at which its copy starts."""
    is_array: bool
    is_empty: bool = True


@dataclass(slots=True)
class _Run:
    """A value that is copied or dropped as a whole."""

    copied: bool
    start: int = 0
    at_most: int = 0
    instead: bytes = b""
    ceiling: int = 0
    """Length of the output beyond which this value, or a container of it, is too long."""
    depth: int = 0
    in_string: bool = False
    is_scalar: bool = False


@dataclass(slots=True)
class JsonFilter:
    """Filter a JSON text piece by piece; ``result`` is the JSON text of the kept members."""

    keep: Keep
    size: int = 0
    """Bytes received so far."""
    _out: bytearray = field(default_factory=bytearray)
    _open: list[_Container] = field(default_factory=list)
    _run: _Run | None = None
    _next: Keep | None = None
    """Selection for the next value; None: drop it."""
    _value_is_next: bool = True
    _rest: bytes = b""

    def __post_init__(self) -> None:
        self._next = self.keep

    @property
    def result(self) -> bytes:
        """Return the kept part; it is JSON only once the text is complete."""
        return bytes(self._out)

    def feed(self, piece: bytes) -> None:
        """Process the next piece."""
        self.size += len(piece)
        data = self._rest + piece if self._rest else piece
        self._rest = b""
        position = 0
        while position < len(data):
            after = self._step(data, position)
            if after is None:
                self._rest = data[position:]
                return
            position = after

    def _step(self, data: bytes, position: int) -> int | None:
        """Process one token; return the next position, or None if more input has to arrive first."""
        if self._run is not None:
            return self._step_over(self._run, data, position)
        between = _BETWEEN.match(data, position)
        position = between.end() if between else position
        if position == len(data):
            return position
        if self._value_is_next:
            return self._begin_value(data, position)
        return self._step_within(self._open[-1], data, position) if self._open else len(data)

    def _step_within(self, container: _Container, data: bytes, position: int) -> int | None:
        """Process a key, an item or the end of a container."""
        character = data[position : position + 1]
        if character in (b"}", b"]"):
            self._out += character
            self._open.pop()
            if len(self._out) > container.start + container.keep.at_most:
                del self._out[container.start :]
                self._out += container.keep.instead
            return position + 1
        if container.is_array:
            self._choose(container, container.keep, b"")
            return position
        key = _KEY.match(data, position)
        if key is not None:
            self._choose(container, *self._chosen(container.keep, key))
            return key.end()
        if character != b'"':
            raise ValueError("the response is not JSON")
        if len(data) - position <= _LONGEST_KEY:
            return None
        # No name that we keep is that long, so the key is dropped like any string.
        self._value_is_next, self._next = True, None
        self._run = _Run(copied=False, in_string=True)
        return position + 1

    def _chosen(self, keep: Keep, key: re.Match[bytes]) -> tuple[Keep | None, bytes]:
        name = key[1].decode(errors="replace") if b"\\" not in key[1] else str(from_json(key[0]))
        chosen = (keep.members or {}).get(name, keep.others)
        return chosen, key[0] + b":"

    def _choose(self, container: _Container, keep: Keep | None, before: bytes) -> None:
        self._value_is_next, self._next = True, keep
        if keep is not None:
            self._out += before if container.is_empty else b"," + before
            container.is_empty = False

    def _begin_value(self, data: bytes, position: int) -> int:
        character = data[position : position + 1]
        keep, self._value_is_next = self._next, False
        is_container = character in (b"{", b"[")
        start = len(self._out)
        if keep is not None and keep.members is not None and is_container:
            self._open.append(_Container(keep, start, is_array=character == b"["))
            self._out += character
            return position + 1
        run = _Run(copied=keep is not None, start=start)
        if keep is not None:
            run.at_most, run.instead = keep.at_most, keep.instead
            run.ceiling = min([start + keep.at_most, *(it.start + it.keep.at_most for it in self._open)])
        self._run = run
        if is_container or character == b'"':
            run.depth, run.in_string = int(is_container), not is_container
            self._copy(run, data, position, position + 1)
            return position + 1
        run.is_scalar = True
        return position

    def _step_over(self, run: _Run, data: bytes, position: int) -> int | None:
        if run.is_scalar:
            return self._step_over_scalar(run, data, position)
        if run.in_string:
            return self._step_over_string(run, data, position)
        found = _FLAT.match(data, position)
        after = found.end() if found else position
        character = data[after : after + 1]
        if character == b'"':
            run.in_string = True
            after += 1
        elif character in (b"{", b"["):
            opening = _OPENING.match(data, after)
            opened = opening.end() if opening else after
            run.depth += opened - after
            after = opened
        elif character:
            closing = _CLOSING.match(data, after, after + run.depth)
            closed = closing.end() if closing else after
            run.depth -= closed - after
            after = closed
        self._copy(run, data, position, after)
        if run.depth <= 0:
            self._run = None
        return after

    def _step_over_string(self, run: _Run, data: bytes, position: int) -> int | None:
        found = _STRING.match(data, position)
        after = found.end() if found else position
        character = data[after : after + 1]
        if character == b'"':
            run.in_string = False
            after += 1
        elif character and after == position:
            return None  # a backslash whose escaped character has not arrived
        self._copy(run, data, position, after)
        if run.depth <= 0 and not run.in_string:
            self._run = None
        return after

    def _step_over_scalar(self, run: _Run, data: bytes, position: int) -> int:
        found = _SCALAR.match(data, position)
        after = found.end() if found else position
        self._copy(run, data, position, after)
        if after < len(data):
            run.is_scalar = False
            if run.depth == 0:
                self._run = None
        return after

    def _copy(self, run: _Run, data: bytes, start: int, end: int) -> None:
        if not run.copied:
            return
        self._out += data[start:end]
        if len(self._out) > run.ceiling:
            self._void(run)

    def _void(self, run: _Run) -> None:
        """Replace the innermost value that is too long."""
        run.copied = False
        start, instead = run.start, run.instead
        if len(self._out) <= start + run.at_most:
            while self._open:
                container = self._open.pop()
                run.depth += 1
                if len(self._out) > container.start + container.keep.at_most:
                    start, instead = container.start, container.keep.instead
                    break
        del self._out[start:]
        self._out += instead
