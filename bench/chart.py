"""The chart: each figure as a share of its bar, drawn as SVG by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from bench.figure import Figure

_ROW: Final = 18
_TOP: Final = 44
_LABELS: Final = 470
_BAR_AT: Final = 360  # pixels that stand for the bar itself
_WIDTH: Final = _LABELS + _BAR_AT + 150
_LONGEST: Final = 1.15  # shares; longer ones are cut, and their number tells
_MET: Final = "#2f6f8f"
_MISSED: Final = "#b5452c"


def draw_chart(figures: Sequence[Figure]) -> str:
    """An SVG of every figure that has a bar."""
    judged = [figure for figure in figures if figure.bar]
    height = _TOP + _ROW * len(judged) + 14
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
            "<title>Each figure as a share of its bar</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
            f'<text x="{_LABELS}" y="20" fill="#444">share of what it may take: shorter is better</text>',
            *(line for at, figure in enumerate(judged) for line in _row(figure, _TOP + at * _ROW)),
            _bar_line(height),
            "</svg>",
            "",
        ]
    )


def _row(figure: Figure, y: int) -> Iterator[str]:
    share = figure.value / (figure.bar or 1)
    width = min(share, _LONGEST) * _BAR_AT
    colour = _MET if figure.is_met else _MISSED
    text = f"{share:.0%}" if figure.is_met else f"{share:.0%} missed"
    middle = y + _ROW - 6
    yield f'<text x="{_LABELS - 8}" y="{middle}" text-anchor="end" fill="#222">{escape(_label(figure))}</text>'
    yield f'<rect x="{_LABELS}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 6}" fill="{colour}"/>'
    yield f'<text x="{_LABELS + max(width, 0) + 6:.1f}" y="{middle}" fill="#222">{text}</text>'


def _label(figure: Figure) -> str:
    kind = {"memory": "memory: ", "linear": "linear: "}.get(figure.group, "")
    return f"{kind}{figure.name} ({figure.unit.value})"


def _bar_line(height: int) -> str:
    x = _LABELS + _BAR_AT
    return (
        f'<line x1="{x}" y1="{_TOP - 12}" x2="{x}" y2="{height - 8}" stroke="#222" stroke-dasharray="4 3"/>'
        f'<text x="{x + 4}" y="{_TOP - 6}" fill="#222">bar</text>'
    )
