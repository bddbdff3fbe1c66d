# SPDX-License-Identifier: Apache-2.0
"""Find what the commands of a page install and remove, by their words, without running them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from smtp_testkit.handbook.blocks import Block

HARMLESS = frozenset({"smtpconfig", "smtpconfigs", "smtp", "secret", "secrets", "configmap", "job"})
"""Kinds of which a page may delete one object by name."""

ALL = "all"
_CHART = "deploy/charts/smtp-operator"
_DEPLOYMENT = re.compile(r"deploy/manifests/(?:\s|$|\*|40)")
_NAMESPACED = "deploy/manifests/namespaced/"
_SYSTEM = "smtp-operator-system/smtp-operator"


@dataclass(frozen=True)
class Operator:
    """An operator that a command starts.

    Attributes:
        identity: Namespace and name of its Deployment; the command itself if it is a process.
        serves: The namespace that it serves, or `ALL`.
        excluded: Patterns of namespaces that it leaves out.
        elects: Whether it stands by while another operator leads.
        keeps: Whether it keeps the settings of its earlier form, except those that the command sets.
    """

    identity: str
    serves: str
    excluded: tuple[str, ...] = field(default=())
    elects: bool = False
    keeps: bool = False

    def meets(self, other: "Operator") -> bool:
        """Return whether both serve the same namespace at the same time."""
        if self.identity == other.identity or (self.elects and other.elects):
            return False
        if ALL in (self.serves, other.serves):
            special = other if self.serves == ALL else self
            general = self if self.serves == ALL else other
            return not any(fnmatchcase(special.serves, it) for it in general.excluded)
        return self.serves == other.serves


def commands_of(block: Block) -> Iterator[str]:
    """Yield the commands of a block, each on one line."""
    if not block.runs:
        return
    for step, _ in block.steps:
        for line in re.sub(r"\\\n\s*", " ", step).splitlines():
            yield from re.split(r"\s*(?:&&|;)\s*", line)


def removals_in(block: Block) -> Iterator[str]:
    """Yield the commands that remove an installation, a namespace or a CRD, or might."""
    for command in commands_of(block):
        words = command.split()
        if re.search(r"\bhelm\b.*\b(?:uninstall|delete|del|un)\b", command):
            yield command
        elif "kubectl" in words and ("delete" in words or "--force" in words):
            after = words[words.index("delete") + 1 :] if "delete" in words else []
            named = next((it for it in after if not it.startswith("-")), "")
            if named.partition("/")[0] not in HARMLESS or "--all" in after:
                yield command
        elif re.search(r"\bkubectl\b.*\bscale\b.*--replicas[= ]0|\bmake clean-cache\b", command):
            yield command


def operators_of(block: Block) -> Iterator[Operator]:
    """Yield the operators that the commands of a block start."""
    for command in commands_of(block):
        if re.search(r"\bhelm (?:install|upgrade)\b", command):
            yield _of_helm(command)
        elif "smtp-operator run" in command:
            served = ",".join(re.findall(r"--namespace[= ](\S+)", command)) or ALL
            excluded = re.findall(r"--exclude-namespace[= ]'?([^\s']+)", command)
            for namespace in served.split(","):
                yield Operator(command, namespace, tuple(excluded), "--leader-elect" in command)
        elif "kubectl apply" not in command:
            continue
        elif _NAMESPACED in command:
            chosen = re.search(r"s/team-a/([\w-]+)/", command)
            namespace = chosen[1] if chosen else "team-a"
            yield Operator(f"{namespace}/smtp-operator", namespace)
        elif _DEPLOYMENT.search(command) or re.search(r"--kustomize| -k ", command):
            yield Operator(_SYSTEM, ALL)


def _of_helm(command: str) -> Operator:
    name = re.sub(r"\s--?\S+(?:=\S+)?", "", command.partition("helm ")[2]).split()[1]
    found = re.search(r"(?:--namespace|-n)[= ](\S+)", command)
    namespace = found[1] if found else "default"
    listed = re.search(r"excludedNamespaces=\{([^}]*)\}", command)
    excluded = tuple(listed[1].split(",")) if listed else ()
    serves = namespace if "namespaced.yaml" in command or "allNamespaces=false" in command else ALL
    return Operator(f"{namespace}/{name}", serves, excluded, keeps="reuse-values" in command)


def rivals(operators: Sequence[Operator]) -> list[tuple[Operator, Operator]]:
    """Return the pairs that serve the same namespace, if the operators start or change in this order."""
    running: dict[str, Operator] = {}
    found = []
    for started in operators:
        before = running.get(started.identity)
        operator = replace(started, serves=before.serves) if before and started.keeps else started
        running[operator.identity] = operator
        found += [(it, operator) for it in running.values() if it.meets(operator)]
    return found


def without_image(block: Block) -> Iterator[str]:
    """Yield the commands that install or upgrade an operator in the cluster without naming its image."""
    for command in commands_of(block):
        if re.search(r"\bhelm (?:install|upgrade)\b", command) and _CHART in command:
            if not re.search(r"--set(?:-string)?[= ]\S*image\.(?:repository|digest)=", command):
                yield command
        elif "kubectl apply" in command and (_DEPLOYMENT.search(command) or _NAMESPACED in command):
            if not re.search(r"image: ?\S*/", command):
                yield command
        elif "kubectl apply" in command and "deploy/kustomize" in command:
            yield command
