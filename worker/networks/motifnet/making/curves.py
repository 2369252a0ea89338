"""The curves of a training as a picture, or of several that went on from each other:

`python -m worker.networks.motifnet.making.curves OUT.png FOLDER [FOLDER …]`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT, _MARGIN = 900, 360, 44
_BACKGROUND, _GRID, _TEXT = (18, 18, 24), (50, 50, 60), (220, 220, 228)
#: What is drawn, in 0–1, with its colour.
_SHARES = {"accuracy": (110, 150, 255), "watched": (120, 220, 120), "watched_attacked": (250, 170, 70)}


def curves(history: Sequence[Mapping[str, float]]) -> Image.Image:
    """Accuracies over the steps of a history (see `train.py`), and the radius of the attacks as a share of its largest."""
    page = Image.new("RGB", (_WIDTH, _HEIGHT), _BACKGROUND)
    pencil, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    last = max((row["step"] for row in history), default=1.0)
    largest = max((row["radius"] for row in history), default=0.0) or 1.0

    def place(step: float, share: float) -> tuple[float, float]:
        x = _MARGIN + (_WIDTH - 2 * _MARGIN) * step / last
        return x, _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * share

    for tenth in range(0, 11, 2):
        pencil.line([place(0, tenth / 10), place(last, tenth / 10)], _GRID)
        pencil.text((8, place(0, tenth / 10)[1] - 8), f"{tenth * 10} %", _TEXT, font)
    pencil.text((_WIDTH - _MARGIN - 60, _HEIGHT - 26), f"step {last:.0f}", _TEXT, font)
    lines = {name: [place(row["step"], row[name]) for row in history] for name in _SHARES}
    lines["radius"] = [place(row["step"], row["radius"] / largest) for row in history]
    for i, (name, points) in enumerate(lines.items()):
        colour = _SHARES.get(name, (150, 150, 160))
        if len(points) > 1:
            pencil.line(points, colour, 2)
        label = f"radius (100 % = {largest:.0f})" if name == "radius" else name.replace("_", " ")
        pencil.text((_MARGIN + 170 * i, 14), label, colour, font)
    return page


def joined(histories: Iterable[Sequence[Mapping[str, float]]]) -> list[Mapping[str, float]]:
    """Histories, one behind the other, as one."""
    whole: list[Mapping[str, float]] = []
    for history in histories:
        before = whole[-1]["step"] if whole else 0
        whole += [{**row, "step": before + row["step"]} for row in history]
    return whole


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draw the curves of trainings.")
    parser.add_argument("out", type=Path, help="the picture's file")
    parser.add_argument("folders", type=Path, nargs="+", help="trainings' folders; each went on from the one before")
    args = parser.parse_args()
    curves(joined(json.loads((folder / "history.json").read_text()) for folder in args.folders)).save(args.out)


if __name__ == "__main__":
    main()
