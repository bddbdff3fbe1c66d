# SPDX-License-Identifier: Apache-2.0
"""Read the operator's settings from the command line and the environment."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from smtp_operator.settings import FLAGS, CommandLineFlag, InvalidSetting, Settings


def read_settings(given: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> Settings:
    """Return the settings from the command line, else from the environment, else the defaults.

    Args:
        given: The texts of flags by field name; a flag overrides its variable.
        environment: The environment variables of the process; unknown ones are ignored.

    Raises:
        InvalidSetting: A value is invalid; the text names the flag or variable.
    """
    values: dict[str, Any] = {}
    for flag in FLAGS:
        if flag.name in given:
            values[flag.name] = _parse(flag, flag.option, given[flag.name])
        elif flag.variable in environment:
            values[flag.name] = _parse(flag, flag.variable, [environment[flag.variable]])
    _choose_scope(values, given.keys())
    return Settings(**values)


def _choose_scope(values: dict[str, Any], by_flag: Set[str]) -> None:
    """Keep either the settings for single namespaces or those for all namespaces.

    A flag on the command line overrides the other kind in the environment.
    """
    of_all = {name for name in ("all_namespaces", "exclude_namespace") if values.get(name)}
    if not of_all or not values.get("namespaces"):
        return
    if ("namespaces" in by_flag) == bool(of_all & by_flag):
        other = next(flag.option for flag in FLAGS if flag.name in (of_all & by_flag or of_all))
        raise InvalidSetting(f"{other} and --namespace exclude each other: set only one of them")
    for name in of_all if "namespaces" in by_flag else {"namespaces"}:
        del values[name]


def _parse(flag: CommandLineFlag, source: str, texts: Sequence[str]) -> Any:
    if flag.is_list:
        # An empty value on the command line is a mistake, such as an unset shell variable.
        nothing = [""] if source == flag.option else []
        return tuple(_parse_one(flag, source, item) for text in texts for item in _items(text) or nothing)
    return _parse_one(flag, source, texts[-1].strip())


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _parse_one(flag: CommandLineFlag, source: str, text: str) -> Any:
    try:
        return flag.setting.parse(text)
    except ValueError as error:
        raise InvalidSetting(f"{source}: {text!r} {error}") from None
