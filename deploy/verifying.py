"""Whether an output came out as it was rendered again."""

from __future__ import annotations

import io
import sys
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from deploy.inprocess import Rendered
from shared.outputs import Manifest, pixels_digest, version
from shared.pictures import Limits, decode, size_of
from shared.pixels import bands, floats


@dataclass(frozen=True)
class Comparison:
    """An output held against its second rendering. Differences are in 0–255, of the files as they are decoded."""

    same: bool
    #: Whether the values before rounding are equal, too, bit for bit.
    identical: bool
    largest: float
    mean: float
    #: Share of the pixels that differ.
    share: float
    #: The software that rendered the output, and this one.
    software: tuple[str, str]
    #: Octaves (from 1) that had to go on with other tiles when the output was made.
    changed: tuple[int, ...] = ()
    #: Where sizes differ and nothing else could be compared: what has which, for people.
    sizes: str = ""

    @property
    def told(self) -> str:
        """For people."""
        then, now = self.software
        by = "" if then == now else f" (rendered by {then}, and now by {now})"
        if self.changed and not self.identical:
            octaves = " and ".join(map(str, self.changed))
            by += f"; memory made it go on with other tiles in octave {octaves}, so that the last bits are its own"
        if self.sizes:
            return f"{self.sizes}{by}"
        if self.identical and self.share == 0:
            return f"every value is equal, before rounding and after{by}"
        if self.share == 0:
            return f"every pixel is equal; before rounding, some last bits are not{by}"
        return f"{100 * self.share:.3g} % of the pixels differ, by {self.largest:.3g} of 255 at most{by}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def compare(data: bytes, rendered: Rendered, manifest: Manifest, *, tolerance: float) -> Comparison:
    """Hold an output's file against its second rendering; `tolerance` in 0–255. Raises PictureError."""
    software = (manifest.software, f"dreamfarm {version()}")
    file = io.BytesIO()
    rendered.write(file)
    height, width = rendered.rgb.shape[:2]
    sizes = _other_sizes(size_of(data), manifest.size, (width, height))
    if sizes:
        return Comparison(
            same=False, identical=False, largest=255.0, mean=255.0, share=1.0, software=software, sizes=sizes
        )
    # Outputs may be larger than what may be uploaded; this size was rendered a moment ago.
    limits = Limits(max_pixels=width * height, max_side=max(width, height), max_bytes=sys.maxsize)
    before, after = decode(data, limits).rgb, decode(file.getvalue(), limits).rgb
    largest = total = 0.0
    differing = 0
    for rows in bands(height, width):
        difference = np.abs(floats(before[rows]) - floats(after[rows]))
        largest = max(largest, float(difference.max()))
        total += float(difference.sum(dtype=np.float64))
        differing += int(difference.any(axis=2).sum())
    return Comparison(
        same=largest <= tolerance,
        identical=pixels_digest(rendered.rgb) == manifest.pixels,
        largest=largest,
        mean=total / before.size,
        share=differing / (height * width),
        software=software,
        changed=manifest.tiling.changed,
    )


def _other_sizes(picture: tuple[int, int], manifest: tuple[int, int], again: tuple[int, int]) -> str:
    """Which sizes (width, height) differ, for people; nothing where none do."""
    if picture != manifest:
        return f"the picture is {_size(picture)} pixels, and its manifest tells of {_size(manifest)}"
    if again != manifest:
        return f"the picture is {_size(picture)} pixels, and {_size(again)} when it is rendered again"
    return ""


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"
