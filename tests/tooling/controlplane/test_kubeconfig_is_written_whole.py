# SPDX-License-Identifier: Apache-2.0
"""The kubeconfig of a ServiceAccount is complete, even if several processes write and read it."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from smtp_tools.localcluster.kubeconfig import write_kubeconfig


def test_each_reads_a_complete_one_while_others_write_it(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("certificate " * 100)
    config = tmp_path / "kubeconfig"

    def written(number: int) -> str:
        write_kubeconfig(config, url="https://it", ca_file=authority, user=f"{number}", token="t" * number)
        return str(json.loads(config.read_text())["current-context"])

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(written, range(800))) == {"local"}

    assert config.stat().st_mode & 0o077 == 0
    assert sorted(it.name for it in tmp_path.iterdir()) == ["ca.crt", "kubeconfig"]
