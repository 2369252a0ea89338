"""`make pictures`: renders the pictures of README.md again, in this process, into shared/samples/rendered/."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from deploy.inprocess import Bench
from shared.pictures import decode
from shared.samples import sample
from shared.settings import Settings
from shared.specs import SPEC, assets_of

FOLDER = Path(__file__).parent.parent / "shared" / "samples" / "rendered"
_CELL = (640, 427)
_GAP = 8
_BACKGROUND = (13, 13, 20)

#: Three columns each; a style transfer names its style picture.
SHEETS: dict[str, list[dict[str, Any]]] = {
    "hero": [
        {"kind": "dream", "input": "dusk", "preset": "orchard"},
        {"kind": "style", "content": "fruit", "style": "glass"},
        {"kind": "dream", "input": "dusk", "preset": "reef"},
        {"kind": "style", "content": "lake", "style": "swirls"},
        {"kind": "dream", "input": "fruit", "preset": "grove"},
        {"kind": "dream", "input": "lake", "preset": "blaze"},
    ],
    "looks": [
        {"kind": "dream", "input": "dusk", "preset": preset}
        for preset in ("garden", "menagerie", "starry", "deepdream", "peacock", "impression")
    ],
}


def main() -> int:
    """Render all sheets."""
    FOLDER.mkdir(exist_ok=True)
    bench = Bench.of("motifnet", Settings())
    for name, jobs in SHEETS.items():
        cells = []
        for job in jobs:
            print(f"{name}: {job}", flush=True)
            cells.append(_render(job, bench))
        _sheet(cells).save(FOLDER / f"{name}.jpg", quality=88, subsampling=0)
    return 0


def _render(job: dict[str, Any], bench: Bench) -> Image.Image:
    files: dict[str, bytes] = {}

    def asset(name: str) -> str:
        data = sample(name).read_bytes()
        key = f"sha256:{hashlib.sha256(data).hexdigest()}"
        files[key] = data
        return key

    fields: dict[str, Any] = {key: value for key, value in job.items() if key != "style"} | {
        key: asset(job[key]) for key in ("input", "content") if key in job
    }
    if "style" in job:
        fields["styles"] = [{"asset": asset(job["style"])}]
    spec = SPEC.validate_python(fields | {"size": {"long_edge": _CELL[0]}})
    pictures = {field: decode(files[key]) for field, key in assets_of(spec).items()}
    rendered = bench.render(spec, pictures, show=lambda _: None)
    file = io.BytesIO()
    rendered.write(file)
    return Image.open(file).convert("RGB")


def _sheet(cells: list[Image.Image]) -> Image.Image:
    columns, (width, height) = 3, _CELL
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP), _BACKGROUND)
    for place, cell in enumerate(cells):
        at = ((place % columns) * (width + _GAP), (place // columns) * (height + _GAP))
        sheet.paste(cell.resize(_CELL, Image.Resampling.LANCZOS), at)
    return sheet


if __name__ == "__main__":
    sys.exit(main())
