"""`make pictures`: renders the pictures of README.md and of motifnet's README again, in this process."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from deploy.inprocess import Bench
from shared.cards import card
from shared.pictures import decode
from shared.portraits import Portrait, album, caption
from shared.samples import sample
from shared.settings import Settings
from shared.sheets import contact_sheet
from shared.specs import SPEC, assets_of

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "shared" / "samples" / "rendered"
#: Of the bundled network, beside its README.
NETWORK = ROOT / "worker" / "networks" / "motifnet" / "pictures"
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
        {"kind": "dream", "input": "lake", "preset": "meadow"},
    ],
    "looks": [
        {"kind": "dream", "input": "dusk", "preset": preset}
        for preset in ("gaze", "blaze", "starry", "deepdream", "meadow", "impression")
    ],
}
#: Layers that one picture is dreamt with, from strokes to things.
LAYERS = ("conv2d2", "mixed3a", "mixed3b", "mixed4a", "mixed4b", "mixed4c", "mixed4d", "mixed5a")
#: Contents and styles.
PAIRS = [(content, style) for content in ("dusk", "fruit", "lake") for style in ("swirls", "glass", "woodcut")]


def main() -> int:
    """Render all sheets."""
    FOLDER.mkdir(exist_ok=True)
    NETWORK.mkdir(exist_ok=True)
    bench = Bench.of("motifnet", Settings())
    (NETWORK / "dreams.jpg").write_bytes(_portraits(lambda portrait: portrait.layer == "logits"))
    (NETWORK / "channels.jpg").write_bytes(_portraits(lambda portrait: portrait.layer != "logits"))
    (NETWORK / "layers.jpg").write_bytes(contact_sheet(list(_layers(bench))))
    (NETWORK / "styles.jpg").write_bytes(contact_sheet(list(_pairs(bench))))
    for name, jobs in SHEETS.items():
        cells = []
        for job in jobs:
            print(f"{name}: {job}", flush=True)
            cells.append(_render(job, bench))
        _sheet(cells).save(FOLDER / f"{name}.jpg", quality=88, subsampling=0)
    return 0


def _portraits(wanted: Callable[[Portrait], bool]) -> bytes:
    """Portraits of the network on a page."""
    known = card("motifnet")
    kept = album(known)
    chosen = [portrait for portrait in kept.portraits if wanted(portrait)]
    return contact_sheet([(caption(known, each), kept.path(each).read_bytes()) for each in chosen], row=128)


def _layers(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """One picture as it is, and dreamt with each layer."""
    yield "the picture", sample("dusk").read_bytes()
    for layer in LAYERS:
        print(f"layers: {layer}", flush=True)
        job = {"kind": "dream", "input": "dusk", "objective": [{"layer": layer}]}
        yield layer, _jpeg(_render(job, bench))


def _pairs(bench: Bench) -> Iterator[tuple[str, bytes]]:
    """Content above style, and beside them what they become."""
    width, height = _CELL[0] // 2, (_CELL[1] - _GAP) // 2
    for content, style in PAIRS:
        print(f"styles: {content} as {style}", flush=True)
        strip = Image.new("RGB", (width + _GAP + _CELL[0], _CELL[1]), _BACKGROUND)
        for name, top in ((content, 0), (style, height + _GAP)):
            with Image.open(sample(name)) as image:
                strip.paste(ImageOps.fit(image, (width, height)), (0, top))
        rendered = _render({"kind": "style", "content": content, "style": style}, bench)
        strip.paste(ImageOps.fit(rendered, _CELL), (width + _GAP, 0))
        yield f"{content} as {style}", _jpeg(strip)


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=92)
    return file.getvalue()


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
        sheet.paste(ImageOps.fit(cell, _CELL, Image.Resampling.LANCZOS), at)
    return sheet


if __name__ == "__main__":
    sys.exit(main())
