# SPDX-License-Identifier: Apache-2.0
"""No text of a server, a vault or a user makes a regular expression take more than linear time.

Times are CPU times of this thread, compared with those for half the text in the same run, so other load on
the machine has no effect.
"""

import ast
import dataclasses
import importlib
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import pytest

import smtp_operator.alarm
from smtp_operator.api.verdict import Phase, Verdict
from smtp_operator.smtp.diagnosis.classify import RULES, classify
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.matcher import ReplyRule
from smtp_operator.smtp.replies import Reply

PACKAGE: Final = Path(smtp_operator.alarm.__file__).parent
MADE_OF_SECRETS: Final = frozenset({"smtp/redaction/redactor.py", "smtp/redaction/hidden_addresses.py"})
"""Modules with patterns of escaped secrets at run time; ``test_secret_forms.py`` times them."""

METHODS: Final = ("search", "match", "fullmatch", "sub", "findall", "finditer", "split")
LENGTH: Final = 1000
"""Characters of a reply that rules examine."""
MARGIN: Final = 3.0
"""Twice the text may take so many times as long; quadratic time would be 4."""
NOTICEABLE: Final = 0.000_3
"""Seconds for twice the length, below which a measurement is meaningless, and the time harmless."""

MOST: Final = 40
"""Number of texts to try with a pattern; the choice depends only on the pattern."""

SEPARATORS: Final = ("", " ", ".", "1", "-", "_", "@", ":")
FILLERS: Final = (
    *" a1._-@<>[]()\"'\\/:;,=%&#?*ä\t\n\r\0",
    *("a ", "a.", "1.", "a@", "a-", "to ", "x: ", "\x1b[", "\x1b]", "\x1b", "220 ", "250-", "https://", "]."),
)


def modules() -> list[str]:
    """Return the modules that create patterns, by ``re`` or as rules."""
    return sorted(
        ".".join(("smtp_operator", *path.relative_to(PACKAGE).with_suffix("").parts))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\bre\.compile\(|^    rule\(", path.read_text(encoding="utf-8"), re.MULTILINE)
        and path.relative_to(PACKAGE).as_posix() not in MADE_OF_SECRETS
    )


def patterns_in(value: Any, name: str) -> Iterator[tuple[str, re.Pattern[Any], str | None]]:
    """Return patterns with the name of their variable, and their use if it is known."""
    if isinstance(value, re.Pattern):
        yield name, value, None
    elif isinstance(value, ReplyRule):
        for field, method in (("text", "search"), ("code", "fullmatch"), ("enhanced", "fullmatch")):
            if (pattern := getattr(value, field)) is not None:
                yield f"{name}: {value.advice.reason} {field}", pattern, method
    elif isinstance(value, tuple | list | frozenset | set):
        for i, item in enumerate(value):
            yield from patterns_in(item, f"{name}[{i}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from patterns_in(item, f"{name}[{key!r}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for it in dataclasses.fields(value):
            yield from patterns_in(getattr(value, it.name, None), f"{name}.{it.name}")


def used_methods(source: str) -> dict[str, set[str]]:
    """Return the methods of a pattern that are called on each name."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


def constants_of(source: str) -> Iterator[str]:
    """Yield the names that a module assigns."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (it.id for it in targets if isinstance(it, ast.Name))


def patterns_of(module: str) -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Return every pattern of a module once with each of its uses; by default search."""
    loaded = importlib.import_module(module)
    assert loaded.__file__ is not None
    source = Path(loaded.__file__).read_text(encoding="utf-8")
    used = used_methods(source)
    known_uses: set[tuple[re.Pattern[Any], str]] = set()
    for name in constants_of(source):
        value = getattr(loaded, name)
        for label, pattern, known in patterns_in(value, name):
            for method in [known] if known else sorted(used.get(name, {"search"})):
                if (pattern, method) not in known_uses:  # many rules share a pattern
                    known_uses.add((pattern, method))
                    yield f"{module}.{label}", pattern, method


def words_of(pattern: str) -> list[str]:
    """Return the words that a pattern searches for, alone and with the text between them."""
    plain = re.sub(r"\\[A-Za-z]|\(\?[:!=<]+|\{[\d,]+\}", "\0", pattern).replace("\\", "")
    runs = re.findall(r"[\w@:/.=' -]+", plain)
    return list(dict.fromkeys([*runs, *re.findall(r"[A-Za-z0-9]{2,}", plain)]))


def adversarial(pattern: re.Pattern[Any], *, anchored: bool) -> Iterator[Callable[[int], str]]:
    """Return functions that create texts of any length: words repeated, interleaved and filled."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    chance = random.Random(source)
    words = words_of(source)
    units = [word + separator for word in words for separator in SEPARATORS]
    units = chance.sample(units, min(len(units), MOST))
    if words:
        mixed = [*words, *SEPARATORS, *FILLERS]
        units += [
            "".join(chance.choices(mixed, k=chance.choice((2, 3, 20)))) or " " for _ in range(MOST // 2)
        ]
        units += [chance.choice(words) + chance.choice(FILLERS) * 60 for _ in range(MOST // 4)]
    texts = [("", unit, "") for unit in (*units, *FILLERS)]
    if anchored:
        heads = ["", *(word for word in words[:2] if word.strip())]
        texts += [(head, unit, end) for unit in FILLERS for head in heads for end in ("", "!")]
    for head, unit, end in texts:

        def made(length: int, head: str = head, unit: str = unit, end: str = end) -> str:
            return (head + unit * (length // len(unit) + 1))[: length - len(end)] + end

        yield made


def seconds(run: Callable[[Any], Any], text: Any) -> float:
    start = time.thread_time()
    run(text)
    return time.thread_time() - start


def growth(run: Callable[[str], Any], made: Callable[[int], str]) -> float:
    """Return how many times as long twice the text takes; 0 if the time is too short."""
    twice = made(2 * LENGTH)
    if seconds(run, twice) < NOTICEABLE:
        return 0.0
    once, best = made(LENGTH), float("inf")
    for repeats in (1, 3, 5, 7):
        longer = min(seconds(run, twice) for _ in range(repeats))
        if longer < NOTICEABLE:
            return 0.0
        best = min(best, longer / min(seconds(run, once) for _ in range(repeats)))
        if best < MARGIN:
            break
    return best


def runner(pattern: re.Pattern[Any], method: str) -> Callable[[str], Any]:
    call = getattr(pattern, method if method in {"search", "match", "fullmatch"} else "findall")
    if isinstance(pattern.pattern, bytes):
        return lambda text: call(text.encode("latin-1", "replace"))
    return cast(Callable[[str], Any], call)


@pytest.mark.parametrize("module", modules())
def test_no_foreign_text_makes_a_pattern_take_more_than_linear_time(module: str) -> None:
    slow = [
        f"{label} by {method}: {found:.1f} times as long over twice the text of {made(60)!r}"
        for label, pattern, method in patterns_of(module)
        for made in adversarial(pattern, anchored=method in {"match", "fullmatch"})
        if (found := growth(runner(pattern, method), made)) >= MARGIN
    ]
    assert not slow, "\n".join(slow)


def test_names_in_texts_and_annotations_are_no_constants() -> None:
    source = 'A = 1\nB: Final = 2\nC: str\n"""\nT = TypeVar\n"""\ndef it():\n    E = 5\n'
    assert list(constants_of(source)) == ["A", "B"]


@pytest.mark.parametrize("quadratic", [r"exceed\w*.{0,40}\bsize", r"[^\s<>]+@[^\s<>]+", r"@.*[,;\s]+.*@"])
def test_a_pattern_of_more_than_linear_time_is_found(quadratic: str) -> None:
    pattern = re.compile(quadratic, re.IGNORECASE)
    assert any(growth(pattern.search, made) >= MARGIN for made in adversarial(pattern, anchored=False))


def test_every_pattern_is_a_constant_so_that_none_escapes_this_test() -> None:
    """Find patterns inside functions, which this test would not see."""
    hidden = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {
            id(node)
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for node in ast.walk(function)
        }
        hidden += [
            f"{place}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and (node.func.attr in METHODS or (node.func.attr == "compile" and id(node) in inside))
            and place
            not in {
                *MADE_OF_SECRETS,
                "smtp/diagnosis/matcher.py",
            }  # rule() makes the constants of the rulebooks
        ]
    assert not hidden


def texts_of_the_rules() -> list[Callable[[int], str]]:
    """Return the words of all rules, repeated and interleaved."""
    words = dict.fromkeys(w for rule in RULES if rule.text for w in words_of(rule.text.pattern))
    chance = random.Random(0)
    units = [*FILLERS, *words, *(f"{word} " for word in words)]
    mixed = ["".join(chance.choices(units, k=k)) for k in (2, 3, 20) for _ in range(10)]
    units = [*FILLERS, *chance.sample(units, MOST), *mixed]

    def maker(unit: str) -> Callable[[int], str]:
        return lambda length: (unit * (length // len(unit) + 1))[:length]

    return [maker(unit) for unit in units]


CONDITIONS: Final = {repr(rule.when).split()[1]: rule.when for rule in RULES if rule.when is not None}


@pytest.mark.parametrize("name", CONDITIONS)
def test_no_reply_makes_a_condition_take_more_than_linear_time(name: str) -> None:
    context = DialogueContext(sender="noreply@example.com")

    def judge(text: str) -> bool:
        return CONDITIONS[name](context, Reply(550, text * 8))

    slow = [made(60) for made in texts_of_the_rules() if growth(judge, made) >= MARGIN]
    assert not slow


@pytest.mark.parametrize(
    ("code", "phase"),
    [(421, Phase.BANNER), (550, Phase.EHLO), (535, Phase.AUTH), (450, Phase.RCPT_TO), (550, Phase.DATA)],
)
def test_the_longest_reply_takes_no_longer_than_what_rules_look_at(code: int, phase: Phase) -> None:
    """Time the longest reply, which once took 270 ms: some conditions searched the uncut text."""
    slow = []
    for made in texts_of_the_rules():
        whole, part = (
            (Reply.of(code, text), DialogueContext(banner=text)) for text in (made(8192), made(LENGTH))
        )

        def judge(given: tuple[Reply, DialogueContext]) -> Verdict:
            return classify(phase, given[0], context=given[1])

        longest = seconds(judge, whole)
        if longest > 0.01:
            longest = min(longest, seconds(judge, whole))
        if longest > 0.05 or (longest > 0.01 and longest > 3 * max(seconds(judge, part) for _ in range(3))):
            slow.append(f"{longest:.3f} s over {made(60)!r}")
    assert not slow
