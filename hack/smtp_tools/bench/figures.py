# SPDX-License-Identifier: Apache-2.0
"""Figures, their targets, and the table that shows both."""

from collections.abc import Sequence
from dataclasses import dataclass

HEAD = ("figure", "measured", "target", "ratio", "")


@dataclass(frozen=True)
class Figure:
    """A measured figure.

    Attributes:
        name: the name in the table.
        measured: the measured amount.
        unit: the unit of `measured` and `at_most`.
        at_most: the target; None for figures without a target.
    """

    name: str
    measured: float
    unit: str = ""
    at_most: float | None = None

    @property
    def missed(self) -> bool:
        """Whether the figure is above its target, rounded as in the table."""
        return self.at_most is not None and round(self.measured, 2) > self.at_most

    @property
    def ratio(self) -> float | None:
        """The ratio of figure and target; up to 1 is within. None if there is no target, or if it is 0."""
        return self.measured / self.at_most if self.at_most else None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of its line in the table."""
        target = "" if self.at_most is None else f"<= {_amount(self.at_most, self.unit)}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        verdict = "" if self.at_most is None else "MISSED" if self.missed else "ok"
        return self.name, _amount(self.measured, self.unit), target, ratio, verdict


def table(figures: Sequence[Figure]) -> str:
    """Return a table of all figures, one per line."""
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = []
    for name, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others[:-1], widths[1:-1], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *cells, others[-1]]).rstrip())
    return "\n".join(lines)


def exit_code(figures: Sequence[Figure], *, check: bool) -> int:
    """Return 1 if `check` is set and a target is missed, else 0."""
    return 1 if check and any(figure.missed for figure in figures) else 0


def _amount(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:.2f}"
    return f"{number} {unit}".rstrip()
