# SPDX-License-Identifier: Apache-2.0
"""``make bench-reasons`` plays the corpus, prints the table, and writes it into the documentation.

``--check`` exits with 1 if less than 98 % of a part is right. Without swaks the documentation does not
change.
``--blind`` is for authors of rules. It judges the replies without playing them. It shows the wrong reasons
only for the published part, and for the other parts only how many are right. It writes nothing.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from smtp_tools.reasons.judging import judge, precision
from smtp_tools.reasons.kinds import kinds
from smtp_tools.reasons.mutations import COUNT, mutations
from smtp_tools.reasons.playing import play_all
from smtp_tools.reasons.report import AT_LEAST, Measured, misses, page, summary
from smtp_tools.reasons.scenarios import HELD_BACK, PUBLISHED, UNSEEN, load

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "tests" / "unit" / "smtp" / "diagnosis" / "corpus" / "precision.md"
SUMMARY = ROOT / "docs" / "contribute" / "reason-precision.md"
_PARTS = {"published": (PUBLISHED, COUNT), "held back": (HELD_BACK, COUNT // 4), "unseen": (UNSEEN, 0)}


def measure() -> Measured:
    """Run the whole measurement, which takes minutes."""
    parts = {}
    mutated = {}
    for name, (file, count) in _PARTS.items():
        scenarios = load(file)
        if not scenarios:
            continue
        if count:
            mutated[name] = [judge(scenario) for scenario in mutations(scenarios, count=count)]
        print(f"Playing {len(scenarios)} scenarios ({name}).", file=sys.stderr)
        parts[name] = asyncio.run(play_all(scenarios))
    print(f"Playing {len(kinds())} scenarios (kinds).", file=sys.stderr)
    parts["kinds"] = asyncio.run(play_all(kinds()))
    return Measured(parts, mutated)


def blind() -> str:
    """Return the result that authors of rules may see."""
    published = [judge(scenario) for scenario in load(PUBLISHED)]
    mutated = [judge(scenario) for scenario in mutations(load(PUBLISHED))]
    held_back = [judge(scenario) for scenario in load(HELD_BACK)]
    unseen = [judge(scenario) for scenario in load(UNSEEN)]
    lines = [
        f"{name}: {sum(one.right for one in judged)} of {len(judged)} ({precision(judged):.1%})"
        for name, judged in (
            ("published", published),
            ("mutations", mutated),
            ("held back", held_back),
            ("unseen", unseen),
        )
        if judged
    ]
    wrong = [one for one in (*published, *mutated) if not one.right]
    for line, one in zip(misses(wrong), wrong, strict=True):
        lines.append(f"{line}: {' / '.join(one.scenario.first_reply)}")
    return "\n".join(lines)


def main() -> int:
    """Run the measurement and return the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-reasons", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 if less than 98 %% is right")
    parser.add_argument("--blind", action="store_true", help="for authors of rules: show no held-back reply")
    options = parser.parse_args()
    if options.blind:
        print(blind())
        return 0
    measured = measure()
    text = page(measured)
    print(text, end="")
    if measured.judged_by_swaks:
        PAGE.write_text(text, encoding="utf-8")
        SUMMARY.write_text(summary(measured), encoding="utf-8")
    else:
        print(f"{PAGE.name} is not updated, because swaks is not installed.", file=sys.stderr)
    if options.check and not measured.all_right:
        print(f"Less than {AT_LEAST:.0%} is right.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
