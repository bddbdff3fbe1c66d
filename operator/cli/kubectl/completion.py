# SPDX-License-Identifier: Apache-2.0
"""``kubectl_complete-smtp``: what the last word could become, as kubectl asks its plug-ins for it.

It gets the words after ``kubectl smtp``, the last one unfinished. It prints one line for each possibility,
the value and after a tab what it is, and then a colon and a number that says how the shell goes on.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from smtp_operator.api.objects import ClusterError
from smtp_operator.api.reasons import REASONS
from smtp_operator.cli.kubectl.arguments import COMMANDS, PluginCommand, PluginFlag, Values
from smtp_operator.cli.streams import Control, write

NO_FILES: Final = 4
"""No names of files where there is nothing to offer (cobra's ShellCompDirectiveNoFileComp)."""
FILES: Final = 0
"""Names of files (ShellCompDirectiveDefault)."""

_PATIENCE: Final = 3.0
"""Seconds to ask the cluster for: somebody waits at his keyboard."""

_MOST: Final = 500

Offer = tuple[str, str]
"""A value, and what it is."""


def main() -> int:
    """Answers kubectl, whatever happens."""
    offers, directive = completed(sys.argv[1:], os.environ)
    lines = [Control.TAB.join(filter(None, (value, " ".join(what.split())))) for value, what in offers]
    write(sys.stdout, "".join(f"{line}\n" for line in [*lines, f":{directive}"]))
    return 0


def completed(words: Sequence[str], environment: Mapping[str, str]) -> tuple[list[Offer], int]:
    """What the last word could be, and the directive; nothing where the cluster does not tell."""
    *before, current = words or [""]
    if not before:
        offers: Iterable[Offer] = [(it.name, it.help) for it in COMMANDS]
        return _starting(current, offers), NO_FILES
    command = next((it for it in COMMANDS if it.name == before[0]), None)
    if command is None:
        return [], NO_FILES
    line = _Line.of(command, before[1:])
    flag = line.unfinished
    if flag is None and current.startswith("--") and "=" in current:
        name, _, current = current.partition("=")
        flag = next((it for it in command.flags if it.name == name), None)
        if flag is None:
            return [], NO_FILES
    if flag is not None:
        if flag.values is Values.FILES:
            return [], FILES
        offers = [(it, "") for it in flag.choices] or _values(flag.values, line, environment)
        return _starting(current, offers), NO_FILES
    if current.startswith("-"):
        flags = [it for it in command.flags if it.repeated or it.name not in line.given]
        return _starting(current, [(option, it.help) for it in flags for option in it.options]), NO_FILES
    if command.count is None and line.words:
        return [], NO_FILES
    offers = [it for it in _values(command.values, line, environment) if it[0] not in line.words]
    return _starting(current, offers), NO_FILES


@dataclass(frozen=True, slots=True)
class _Line:
    """What stands before the word that is completed."""

    words: list[str]
    given: dict[str, str]
    unfinished: PluginFlag | None
    """The flag whose value comes next."""

    @classmethod
    def of(cls, command: PluginCommand, before: Sequence[str]) -> "_Line":
        flags = {option: flag for flag in command.flags for option in flag.options}
        words: list[str] = []
        given: dict[str, str] = {}
        unfinished: PluginFlag | None = None
        for word in before:
            name, equals, value = word.partition("=")
            if unfinished is not None:
                given[unfinished.name], unfinished = word, None
            elif name in flags:
                given[flags[name].name] = value
                unfinished = flags[name] if flags[name].takes_value and not equals else None
            else:
                words.append(word)
        return cls(words, given, unfinished)


def _starting(current: str, offers: Iterable[Offer]) -> list[Offer]:
    return [offer for offer in offers if offer[0].startswith(current)]


def _values(values: Values, line: _Line, environment: Mapping[str, str]) -> list[Offer]:
    match values:
        case Values.REASONS:
            return [(str(reason), info.meaning) for reason, info in REASONS.items()]
        case Values.CONTEXTS:
            return _contexts(line, environment)
        case Values.NAMES | Values.NAMESPACES:
            try:
                return asyncio.run(_of_cluster(values, line, environment))
            except (ClusterError, OSError, ValueError, TimeoutError):
                return []  # an error would stand in the middle of what is being typed
        case _:
            return []


async def _of_cluster(values: Values, line: _Line, environment: Mapping[str, str]) -> list[Offer]:
    from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot
    from smtp_operator.cluster import paths
    from smtp_operator.cluster.access import find_access
    from smtp_operator.cluster.client import KubernetesClient
    from smtp_operator.settings import Settings

    given = line.given
    settings = Settings(kubeconfig=given.get("--kubeconfig", ""), context=given.get("--context", ""))
    async with asyncio.timeout(_PATIENCE):
        access = await find_access(settings, environment)
        client = KubernetesClient(access)
        try:
            namespace = given.get("--namespace") or access.namespace
            path = paths.NAMESPACES if values is Values.NAMESPACES else paths.smtp_configs(namespace)
            answer = await client.request("GET", path, query=[("limit", str(_MOST))])
            items = answer.get("items") or ()
            if values is Values.NAMESPACES:
                return [(str(it["metadata"]["name"]), "") for it in items]
            return [(it.key.name, it.summary) for it in map(ConfigSnapshot.of, items)]
        finally:
            await client.close()


def _contexts(line: _Line, environment: Mapping[str, str]) -> list[Offer]:
    home = Path(environment.get("HOME", "~"), ".kube", "config")
    named = line.given.get("--kubeconfig") or environment.get("KUBECONFIG") or str(home)
    offers: list[Offer] = []
    for path in filter(None, named.split(os.pathsep)):
        try:
            content = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
            offers += [(str(it["name"]), str(it["context"]["cluster"])) for it in content["contexts"]]
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
            continue
    return offers
