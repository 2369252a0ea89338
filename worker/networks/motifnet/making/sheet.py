"""The contact sheet of all motifs: `python -m worker.networks.motifnet.making.sheet OUT.jpg [MOTIF …]`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from worker.networks.motifnet.making.scene import picture
from worker.networks.motifnet.making.styles import LEARNT
from worker.networks.motifnet.making.world import NAMES

_CAPTION = 18
_GAP = 6


def sheet(names: Sequence[str], *, draws: int, size: int, columns: int, seed: int) -> Image.Image:
    """Each motif's first `draws` pictures of `size` pixels with its name below, `columns` motifs side by side."""
    drawn = ([picture(LEARNT, seed, k, name, size).rgb for k in range(draws)] for name in names)
    return page(zip(names, drawn, strict=True), columns=columns)


def page(cells: Iterable[tuple[str, Sequence[NDArray[np.uint8]]]], *, columns: int) -> Image.Image:
    """Rows of cells: pictures side by side, all of the first one's size, with a caption below."""
    cells = list(cells)
    height, width = cells[0][1][0].shape[:2]
    rows = -(-len(cells) // columns)
    cell_width, cell_height = len(cells[0][1]) * width + _GAP, height + _CAPTION + _GAP
    whole = Image.new("RGB", (columns * cell_width, rows * cell_height), (18, 18, 24))
    pencil, font = ImageDraw.Draw(whole), ImageFont.load_default(14)
    for i, (caption, pictures) in enumerate(cells):
        left, top = i % columns * cell_width, i // columns * cell_height
        for k, pixels in enumerate(pictures):
            whole.paste(Image.fromarray(pixels).resize((width, height)), (left + k * width, top))
        pencil.text((left + 4, top + height), caption, (225, 225, 230), font)
    return whole


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draw a contact sheet of motifs.")
    parser.add_argument("out", type=Path, help="the picture's file")
    parser.add_argument("motifs", nargs="*", metavar="MOTIF", help="motifs to show (default: all)")
    parser.add_argument("--draws", type=int, default=4, help="pictures of each motif")
    parser.add_argument("--size", type=int, default=96, help="pixels of a picture's side")
    parser.add_argument("--columns", type=int, default=4, help="motifs side by side")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_intermixed_args()
    names = args.motifs or NAMES
    sheet(names, draws=args.draws, size=args.size, columns=args.columns, seed=args.seed).save(args.out)
    print(f"{args.out}: {len(names)} motifs")


if __name__ == "__main__":
    main()
