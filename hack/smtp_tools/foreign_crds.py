# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinitions of other projects that our manifests and documentation use.

Each is generated from the Go types of the project's API with the library of controller-gen, as the project
itself does. The modules are pinned in `foreign-crds/go.mod`, their hashes in `go.sum`.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

from smtp_tools.gobuild import BuildError, Program, cache_folder, program_folder
from smtp_tools.gobuild.toolchain import find_toolchain
from smtp_tools.paths import HACK

PROGRAM = Program(
    source=HACK / "foreign-crds",
    announcement=(
        "Building what makes the CustomResourceDefinitions of Flux and the Prometheus operator from the Go "
        "modules of their APIs.\n"
        "This happens once and takes about a minute on 2 cores; it needs 13 MB of disk."
    ),
)


def definitions(environment: Mapping[str, str] = os.environ, program: Program = PROGRAM) -> str:
    """Return the CustomResourceDefinitions as YAML; build the generator if it is not in the cache.

    Raises:
        BuildError: the build failed, or Go does not find the source of the types.
    """
    folder, cache = program_folder(program, environment), cache_folder(environment)
    toolchain = find_toolchain(program.source / "go.mod", environment)
    go = toolchain.command(cache)
    path = os.pathsep.join([str(go.parent), environment.get("PATH", os.defpath)])
    done = subprocess.run(
        [folder / program.name],
        cwd=program.source,
        env=toolchain.environment(cache, environment) | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode != 0:
        raise BuildError(
            f"{program.name} could not make the CustomResourceDefinitions of other projects:\n"
            f"{done.stderr.strip()}\n"
            f"It reads the source of the modules in {program.source / 'go.mod'}, which Go has to have or be "
            "able to download."
        )
    return done.stdout


def main() -> int:
    """Print the definitions and return the exit code."""
    try:
        print(definitions(), end="")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
