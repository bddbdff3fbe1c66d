# SPDX-License-Identifier: Apache-2.0
"""The reference of ``kubectl smtp``, generated from the table of its commands."""

from collections.abc import Iterator

from smtp_operator.cli.kubectl.arguments import COMMANDS, PluginCommand, PluginFlag, exit_codes
from smtp_operator.cli.kubectl.json_keys import JSON_KEYS
from smtp_tools.generate.reference import MADE, table


def plugin_reference() -> str:
    """Return ``docs/reference/kubectl-smtp.md``: commands, flags, exit codes, and the JSON keys."""
    lines = [
        MADE,
        "# kubectl smtp\n",
        "See also the [guide](../how-to/kubectl-smtp.md). Results go to standard output, other messages to",
        "standard error. The plugin finds the cluster like kubectl: `--kubeconfig` and `--context`, else",
        "`KUBECONFIG`, else `~/.kube/config`.\n",
        "Global flags of kubectl can stand before and after the command. `--server` is not one of them: with",
        "`status` it selects a mail server. Choose another API server with `--context` or `--cluster`.\n",
    ]
    for command in COMMANDS:
        lines += [*_section(command), ""]
    lines += [
        "## JSON\n",
        "New releases can add keys, but never rename them. `test` and `status` print one object:\n",
    ]
    lines += [*table(("key", "meaning"), ((f"`{key}`", text) for key, text in JSON_KEYS["list"].items())), ""]
    lines += ["Each item has:\n"]
    lines += [*table(("key", "meaning"), ((f"`{key}`", text) for key, text in JSON_KEYS["item"].items())), ""]
    sections = {"vault": "With `--vaults`, each item of `status` has instead:"}
    sections |= {name: f"`{name}` prints:" for name in ("explain", "suggest", "version")}
    for name, head in sections.items():
        lines += [f"{head}\n"]
        rows = ((f"`{key}`", text) for key, text in JSON_KEYS[name].items())
        lines += [*table(("key", "meaning"), rows), ""]
    return "\n".join(lines)


def _section(command: PluginCommand) -> Iterator[str]:
    words = {"*": f"[{command.argument} ...]", None: command.argument}[command.count]
    yield f"## kubectl smtp {command.name}\n"
    line = f"kubectl smtp {command.name} {words}".rstrip()
    yield f"`{line}`: {command.help}.\n"
    yield from table(("flag", "meaning"), map(_row, command.flags))
    yield "\nExit codes:\n"
    yield from table(("code", "meaning"), exit_codes(command))


def _row(flag: PluginFlag) -> tuple[str, str]:
    value = f" {flag.metavar}" if flag.metavar else ""
    return ", ".join(f"`{option}{value}`" for option in flag.options), flag.help
