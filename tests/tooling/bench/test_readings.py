# SPDX-License-Identifier: Apache-2.0
"""Values from /proc, metrics, statuses and the command line."""

import os
from pathlib import Path

import pytest

from smtp_tools.bench import ours, peer
from smtp_tools.bench.__main__ import main
from smtp_tools.bench.api import Object
from smtp_tools.bench.metrics import listed_and_watched
from smtp_tools.bench.usage import cpu_seconds, peak_megabytes, resident_megabytes


def test_processor_time_is_user_and_system_whatever_the_program_is_called(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    ticks = os.sysconf("SC_CLK_TCK")
    stat = f"7 (a) b (c) S 1 7 7 0 -1 0 0 0 0 0 {3 * ticks} {ticks} {ticks} 0 20 0"
    (tmp_path / "7" / "stat").write_text(stat)
    assert cpu_seconds(7, tmp_path) == 5


def test_memory_is_in_megabytes(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tx\nVmHWM:\t  100000 kB\nVmRSS:\t   50000 kB\n")
    assert peak_megabytes(7, tmp_path) == pytest.approx(102.4)
    assert resident_megabytes(7, tmp_path) == pytest.approx(51.2)


def test_a_process_that_ended_has_no_memory(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("Name:\tx\nState:\tZ (zombie)\n")
    with pytest.raises(LookupError, match="VmHWM"):
        peak_megabytes(7, tmp_path)


def test_only_lists_and_watches_of_the_core_resource_count() -> None:
    lines = """\
# HELP apiserver_response_sizes Response size distribution in bytes
apiserver_response_sizes_sum{component="apiserver",group="",resource="secrets",verb="LIST",version="v1"} 1000
apiserver_response_sizes_sum{component="apiserver",group="",resource="secrets",verb="GET",version="v1"} 7
apiserver_response_sizes_sum{component="apiserver",group="",resource="pods",verb="LIST",version="v1"} 7
apiserver_response_sizes_sum{component="apiserver",group="x.io",resource="secrets",verb="LIST"} 7
apiserver_response_sizes_count{component="apiserver",group="",resource="secrets",verb="LIST"} 7
apiserver_watch_events_sizes_sum{group="",resource="secrets",version="v1"} 2.5e+01"""
    assert listed_and_watched(lines.splitlines(), "secrets") == 1025


def test_a_verdict_counts_only_for_the_present_generation() -> None:
    conditions = [{"type": "Ready", "status": "False", "reason": "TimedOut", "message": "No answer."}]
    status: Object = {"observedGeneration": -1, "conditions": conditions}
    item: Object = {"metadata": {"generation": 2}, "status": status}
    assert ours.verdict(item) is None
    status["observedGeneration"] = 2
    assert ours.verdict(item) == "TimedOut: No answer."
    conditions[0]["status"] = "True"
    assert ours.verdict(item) == "True"


def test_an_issuer_without_a_condition_has_no_verdict() -> None:
    assert peer.verdict({"metadata": {}}) is None
    assert peer.verdict({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}) == "True"


@pytest.mark.parametrize(("duration", "slow"), [("999ms", 0), ("1s", 1), ("1.25s", 1), ("1m2s", 1)])
def test_a_test_of_a_second_or_more_is_slow(duration: str, slow: int) -> None:
    assert ours.slow_tests([{"status": {"lastTest": {"duration": duration}}}]) == slow


def test_an_unknown_section_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memroy"], {}) == 2
    assert "Unknown section: memroy." in capsys.readouterr().err


def test_a_count_that_is_no_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main([], {"N": "many"})
    assert error.value.code == 2
    assert "'many' is not a positive number" in capsys.readouterr().err
