"""Draws the bundled pictures: `python -m shared.samples.draw [FOLDER]`. The same program gives the same pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from shared.samples import SAMPLES
from shared.samples.brushes import Array, to_image
from shared.samples.scenes import dusk, lake
from shared.samples.still_life import fruit
from shared.samples.styles import glass, swirls, woodcut

_DRAWERS: dict[str, Callable[[int, int, np.random.Generator], Array]] = {
    "dusk": dusk,
    "fruit": fruit,
    "lake": lake,
    "swirls": swirls,
    "glass": glass,
    "woodcut": woodcut,
}
_SEED = 7
#: Of pictures to dream into, width / height; styles are nearer to a square.
_SHAPES = {"dusk": 1.5, "fruit": 1.5, "lake": 1.5}
_STYLE_SHAPE = 1.2


def draw(name: str, width: int) -> Image.Image:
    """The bundled picture `name`, `width` pixels wide."""
    height = round(width / _SHAPES.get(name, _STYLE_SHAPE))
    return to_image(_DRAWERS[name](width, height, np.random.default_rng(_SEED)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the bundled pictures.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in SAMPLES:
        path = folder / f"{name}.jpg"
        draw(name, 1024 if name in _SHAPES else 768).save(path, quality=90, optimize=True)
        print(f"{path}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
