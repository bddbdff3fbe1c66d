# SPDX-License-Identifier: Apache-2.0
"""`python -m smtp_tools.localcluster`: prints results to stdout and progress to stderr."""

import argparse
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from smtp_tools.gobuild import BuildError, cache_folder, clean_cache
from smtp_tools.localcluster.assets import find_assets, kubernetes_version
from smtp_tools.localcluster.background import BackgroundCluster
from smtp_tools.localcluster.cluster import LocalCluster
from smtp_tools.localcluster.errors import ClusterError

DESCRIPTION = f"""\
A real Kubernetes {kubernetes_version()} control plane on 127.0.0.1: etcd, kube-apiserver,
kube-controller-manager, kubectl and helm. RBAC is on; there are no nodes, so Pods stay Pending.

  up            start one in the background unless it runs, and print the
                `export KUBECONFIG=...` line: eval "$(python -m smtp_tools.localcluster up)"
  down          stop it and remove its data; succeeds if none is running
  run           start another one while a command runs: run -- kubectl get namespaces;
                without a command, until Ctrl-C
  path          print the folder of kubectl and helm, for your PATH
  clean-cache   remove the built programs
"""

EPILOG = """\
The programs come from $KUBEBUILDER_ASSETS, else from the cache ($XDG_CACHE_HOME/smtp-operator
or ~/.cache/smtp-operator). If they are in neither, they are built in the cache, once, in about
9 minutes. The KUBECONFIG of your environment is never read.
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0 done, 1 failed, else that of COMMAND."""
    arguments = _parser().parse_args(words)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _ended)
    try:
        return _do(arguments)
    except (BuildError, ClusterError) as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _do(arguments: argparse.Namespace) -> int:
    match arguments.action:
        case "up":
            _up()
        case "down":
            _say("The cluster is stopped." if BackgroundCluster().down() else "No cluster was running.")
        case "run":
            return _run(arguments.command, arguments.directory)
        case "path":
            print(find_assets().kubectl.parent)
        case "clean-cache":
            _say(f"{clean_cache() / 1e9:.1f} GB freed in {cache_folder()}.")
            _say("The caches of your own Go stay; to empty them, run `go clean -cache -modcache`.")
        case "supervise":
            BackgroundCluster().supervise(arguments.lock, arguments.ready)
    return 0


def _up() -> None:
    kubectl = find_assets().kubectl  # here, so that the progress of a build is visible
    cluster = BackgroundCluster()
    state = "is running" if cluster.up() else "is already running"
    _say(f"A Kubernetes {kubernetes_version()} control plane {state}; stop it with `make cluster-down`.")
    _say(f"If you have no kubectl, use {kubectl}")
    _print_export(cluster.kubeconfig)


def _run(command: list[str], directory: Path | None) -> int:
    with LocalCluster.start(directory) as cluster:
        if command:
            return _run_command(command, cluster)
        _say(f"The control plane is running at {cluster.url}; press Ctrl-C to stop it.")
        _print_export(cluster.kubeconfig)
        cluster.wait()
    return 0


def _run_command(command: list[str], cluster: LocalCluster) -> int:
    try:
        return subprocess.run(command, check=False, env=cluster.environment()).returncode
    except OSError as error:
        raise ClusterError(f"{command[0]} cannot be started: {error.strerror}") from error


def _print_export(kubeconfig: Path) -> None:
    print(f"export KUBECONFIG={shlex.quote(str(kubeconfig))}", flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _ended(number: int, _: object) -> NoReturn:
    # An exception, so that the programs are stopped and temporary files removed.
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m smtp_tools.localcluster",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="up|down|run|path|clean-cache")
    for name in ("up", "down", "path", "clean-cache"):
        actions.add_parser(name)
    run = actions.add_parser("run")
    run.add_argument("--directory", type=Path, help="keep all its files and logs in this empty folder")
    run.add_argument("command", nargs="*", metavar="COMMAND", help="gets KUBECONFIG, and kubectl on its PATH")
    supervise = actions.add_parser("supervise")
    supervise.add_argument("lock", type=int)
    supervise.add_argument("ready", type=int)
    return parser


if __name__ == "__main__":
    sys.exit(main())
