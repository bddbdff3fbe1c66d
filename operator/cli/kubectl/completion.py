# SPDX-License-Identifier: Apache-2.0
"""``kubectl_complete-smtp``: completes the last word, by the protocol of kubectl plug-ins.

The arguments are the words after ``kubectl smtp``; the last one is unfinished. The program prints one line
for each completion: the value, a tab and a description. The last line is a colon and a directive for the
shell.
"""

import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from smtp_operator.api.errors import ClusterError
from smtp_operator.api.reasons import REASONS
from smtp_operator.cli.kubectl.arguments import COMMANDS, PluginCommand, PluginFlag, Values
from smtp_operator.cli.kubectl.parser import command_first
from smtp_operator.cli.streams import Control, write

NO_FILES: Final = 4
"""Offer no file names (cobra's ShellCompDirectiveNoFileComp)."""
FILES: Final = 0
"""Offer file names (ShellCompDirectiveDefault)."""

_CLUSTER_TIMEOUT: Final = 3.0
"""Seconds for requests to the cluster, while the user waits at the keyboard."""

_MAX_OFFERS: Final = 500

Offer = tuple[str, str]
"""A value and its description."""


def main() -> int:
    """Print the completions; every error means none."""
    offers, directive = completed(sys.argv[1:], os.environ)
    lines = [
        Control.TAB.join(filter(None, (value, " ".join(description.split()))))
        for value, description in offers
    ]
    write(sys.stdout, "".join(f"{line}\n" for line in [*lines, f":{directive}"]))
    return 0


def completed(words: Sequence[str], environment: Mapping[str, str]) -> tuple[list[Offer], int]:
    """Return completions of the last word, and the directive; none if the cluster does not answer."""
    *before, current = words or [""]
    before = command_first(before)
    if not before or before[0].startswith("-"):
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
        flags = [it for it in command.flags if it.repeated or it.name not in line.flag_values]
        return _starting(current, [(option, it.help) for it in flags for option in it.options]), NO_FILES
    if command.count is None and line.words:
        return [], NO_FILES
    offers = [it for it in _values(command.values, line, environment) if it[0] not in line.words]
    return _starting(current, offers), NO_FILES


@dataclass(frozen=True, slots=True)
class _Line:
    """The words before the one to complete."""

    words: list[str]
    flag_values: dict[str, str]
    unfinished: PluginFlag | None
    """The flag that still needs its value."""

    @classmethod
    def of(cls, command: PluginCommand, before: Sequence[str]) -> "_Line":
        flags = {option: flag for flag in command.flags for option in flag.options}
        words: list[str] = []
        flag_values: dict[str, str] = {}
        unfinished: PluginFlag | None = None
        for word in before:
            name, equals, value = word.partition("=")
            if unfinished is not None:
                flag_values[unfinished.name], unfinished = word, None
            elif name in flags:
                flag_values[flags[name].name] = value
                unfinished = flags[name] if flags[name].takes_value and not equals else None
            else:
                words.append(word)
        return cls(words, flag_values, unfinished)


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
                return []  # an error message would disturb the line that the user types
        case _:
            return []


async def _of_cluster(values: Values, line: _Line, environment: Mapping[str, str]) -> list[Offer]:
    from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot
    from smtp_operator.cluster import paths
    from smtp_operator.cluster.access import find_access
    from smtp_operator.cluster.client import KubernetesClient
    from smtp_operator.settings import Settings

    flag_values = line.flag_values
    settings = Settings(
        kubeconfig=flag_values.get("--kubeconfig", ""), context=flag_values.get("--context", "")
    )
    async with asyncio.timeout(_CLUSTER_TIMEOUT):
        access = await find_access(settings, environment)
        client = KubernetesClient(access)
        try:
            namespace = flag_values.get("--namespace") or access.namespace
            path = paths.NAMESPACES if values is Values.NAMESPACES else paths.objects("SmtpConfig", namespace)
            answer = await client.request("GET", path, query=[("limit", str(_MAX_OFFERS))])
            items = answer.get("items") or ()
            if values is Values.NAMESPACES:
                return [(str(it["metadata"]["name"]), "") for it in items]
            return [(it.key.name, it.summary) for it in map(ConfigSnapshot.of, items)]
        finally:
            await client.close()


def _contexts(line: _Line, environment: Mapping[str, str]) -> list[Offer]:
    home = Path(environment.get("HOME", "~"), ".kube", "config")
    named = line.flag_values.get("--kubeconfig") or environment.get("KUBECONFIG") or str(home)
    offers: list[Offer] = []
    for path in filter(None, named.split(os.pathsep)):
        try:
            content = yaml.safe_load(Path(path).expanduser().read_text(encoding="utf-8"))
            offers += [(str(it["name"]), str(it["context"]["cluster"])) for it in content["contexts"]]
        except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
            continue
    return offers
