"""Jobs that are rendered in this process, without a farm."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deploy.inprocess import Bench, Rendered
from deploy.verifying import compare
from shared.outputs import manifest_in
from shared.pictures import Picture, PictureError, rendered_from
from shared.plan import Machine
from shared.settings import Settings
from shared.specs import SPEC, DreamSpec, StyleSpec, assets_of
from tests.reference.pictures import drawn
from worker.render import OutOfMemory, Rendering, begin


def test_a_picture_is_worth_more_than_its_animation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no place for temporary files, which videos need, the output is there all the same, and a note says why."""
    spec = DreamSpec.model_validate(
        {
            "objective": [{"layer": "conv2d0"}],
            "size": {"long_edge": 64},
            "octaves": {"count": 1},
            "iterations": 2,
            "animation": "mp4",
        }
    )
    bench = Bench.of("motifnet", Settings(data=tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    rendered = bench.render(spec, {}, show=lambda _: None)

    assert rendered.animation is None
    assert "the animation could not be made: FileNotFoundError" in rendered.note
    file = io.BytesIO()
    rendered.write(file)
    assert file.getvalue().startswith(b"\x89PNG")


def test_an_output_is_verified_to_the_bit_whatever_else_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tiles' activations were kept, a smaller octave was one tile; where there is less memory now, they are again."""
    spec = StyleSpec.model_validate(
        {
            "content": "sha256:" + "0" * 64,
            "styles": [{"asset": "sha256:" + "1" * 64}],
            "content_layers": [{"layer": "mixed3a"}],
            "style_layers": [{"layer": "conv2d0"}, {"layer": "mixed3a"}],
            "octaves": {"count": 2, "scale": 2.0},
            "iterations": 2,
        }
    )
    pictures = {"content": Picture(drawn(64, 520)), "styles.0.asset": Picture(drawn(48, 64, seed=1))}
    bench = Bench.of("motifnet", Settings(data=tmp_path))
    roomy, narrow = Machine(tile_bytes=16_000_000), Machine(tile_bytes=1_600_000, kept_bytes=0)
    monkeypatch.setattr("deploy.inprocess.machine", lambda: roomy)
    first = bench.render(spec, pictures, show=lambda _: None)
    small, large = first.manifest.tiling.cuts
    assert 64 < large.tile < small.tile < 520
    assert large.keep
    file = io.BytesIO()
    first.write(file)

    monkeypatch.setattr("deploy.inprocess.machine", lambda: narrow)
    again = bench.render(spec, pictures, show=lambda _: None, like=manifest_in(file.getvalue()).tiling)

    assert compare(file.getvalue(), again, first.manifest, tolerance=0).identical
    assert again.manifest == first.manifest
    # Nothing but the cut makes the difference.
    assert bench.render(spec, pictures, show=lambda _: None).manifest.pixels != first.manifest.pixels


@pytest.mark.parametrize("when", ["at the start", "on the way", "at the end"])
def test_what_runs_out_of_memory_goes_on_with_smaller_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Given memory that is full once, wherever, the picture is finished, and the manifest says what that did to it."""
    dream = {"objective": [{"layer": "conv2d2"}], "input": "sha256:" + "0" * 64, "iterations": 2}
    spec = DreamSpec.model_validate(dream | {"octaves": {"count": 2, "scale": 2.0}, "tiling": {"tile": 160}})
    pictures = {"input": Picture(drawn(240, 320))}
    bench = Bench.of("motifnet", Settings(data=tmp_path))
    plain = bench.render(spec, pictures, show=lambda _: None)
    full = iter([OutOfMemory("full")])

    def fills_up(real: Callable[..., Any], now: Callable[..., bool]) -> Callable[..., Any]:
        def wrapped(*args: Any, **options: Any) -> Any:
            if now(*args) and (error := next(full, None)) is not None:
                raise error
            return real(*args, **options)

        return wrapped

    match when:
        case "at the start":
            monkeypatch.setattr("deploy.inprocess.begin", fills_up(begin, lambda *_: True))
        case "on the way":
            advance = fills_up(Rendering.advance, lambda self, _: self.progress.step == 3)
            monkeypatch.setattr(Rendering, "advance", advance)
        case "at the end":
            monkeypatch.setattr(Rendering, "finish", fills_up(Rendering.finish, lambda _: True))
    result = bench.render(spec, pictures, show=lambda _: None)

    assert next(full, None) is None
    was, now = (rendered.manifest.tiling for rendered in (plain, result))
    assert now.changed == ((2,) if when == "on the way" else ())
    assert now.cuts[1].tile == (was.cuts[1].tile if when == "at the end" else 80)
    assert np.abs(result.rgb - plain.rgb).max() < 1
    file = io.BytesIO()
    result.write(file)
    told = compare(file.getvalue(), plain, result.manifest, tolerance=2)
    assert told.same
    assert ("octave 2" in told.told) == (when == "on the way")


def test_pictures_of_other_sizes_are_told_by_their_sizes(tmp_path: Path) -> None:
    spec = DreamSpec.model_validate(
        {"objective": [{"layer": "conv2d0"}], "size": {"long_edge": 64}, "octaves": {"count": 1}, "iterations": 1}
    )
    result = Bench.of("motifnet", Settings(data=tmp_path)).render(spec, {}, show=lambda _: None)
    cropped = io.BytesIO()
    result.write(cropped)
    Image.open(cropped).crop((0, 0, 48, 32)).save(cropped := io.BytesIO(), "png")
    told = compare(cropped.getvalue(), result, result.manifest, tolerance=255)
    assert not told.same
    assert told.told == "the picture is 48×32 pixels, and its manifest tells of 64×64"

    larger = result.manifest.model_copy(update={"size": (48, 32)})
    told = compare(cropped.getvalue(), result, larger, tolerance=255)
    assert told.told == "the picture is 48×32 pixels, and 64×64 when it is rendered again"


def test_a_mask_is_not_laid_where_it_is_transparent(tmp_path: Path) -> None:
    """White that shows through is as good as black, and half of it as good as grey."""
    spec = StyleSpec.model_validate(
        {
            "content": "sha256:" + "0" * 64,
            "styles": [{"asset": "sha256:" + "1" * 64, "mask": "sha256:" + "2" * 64}],
            "octaves": {"count": 1},
            "iterations": 2,
        }
    )
    opacity = np.zeros((64, 64), np.uint8)
    opacity[:, 20:40], opacity[:, 40:] = 128, 255
    white = np.full((64, 64, 3), 255, np.uint8)
    bench = Bench.of("motifnet", Settings(data=tmp_path))

    def rendered(mask: Picture) -> Rendered:
        pictures = {"content": Picture(drawn(64, 64)), "styles.0.asset": Picture(drawn(64, 48, seed=1))}
        return bench.render(spec, pictures | {"styles.0.mask": mask}, show=lambda _: None)

    transparent, deep = Picture(white, opacity), Picture(white.astype(np.uint16) * 257, opacity.astype(np.uint16) * 257)
    grey = Picture(np.repeat(opacity[..., None], 3, axis=2))
    assert np.array_equal(rendered(transparent).rgb, rendered(grey).rgb)
    assert np.array_equal(deep.over_black, grey.rgb.astype(np.uint16) * 257)
    assert Picture(white).over_black is white


def test_what_is_hidden_under_transparency_is_no_style_and_no_guide(tmp_path: Path) -> None:
    """A style that is cut out is as good as the same one upon its own mean colour, whatever an editor left outside."""
    style = {"kind": "style", "content": "sha256:" + "0" * 64, "styles": [{"asset": "sha256:" + "1" * 64}]}
    dream = {
        "kind": "dream",
        "input": "sha256:" + "0" * 64,
        "guide": "sha256:" + "1" * 64,
        "objective": [{"layer": "mixed4a", "statistic": "guided"}],
    }
    seen = np.zeros((64, 64), bool)
    seen[8:48, 16:60] = True
    shown = drawn(64, 64, seed=1).round().astype(np.uint8)
    opacity = np.where(seen, 255, 0).astype(np.uint8)
    mean = shown[seen].mean(axis=0).round().astype(np.uint8)
    leftovers = {"black": (0, 0, 0), "magenta": (255, 0, 255)}
    hidden = {
        name: Picture(np.where(seen[..., None], shown, np.uint8(rest)), opacity) for name, rest in leftovers.items()
    }
    bench = Bench.of("motifnet", Settings(data=tmp_path))

    def rendered(fields: dict[str, Any], picture: Picture) -> NDArray[np.float32]:
        spec = SPEC.validate_python(fields | {"octaves": {"count": 1}, "iterations": 2})
        base, other = assets_of(spec)
        return bench.render(spec, {base: Picture(drawn(64, 64)), other: picture}, show=lambda _: None).rgb

    for fields in (style, style | {"keep_colors": True}, dream):
        laid = rendered(fields, Picture(np.where(seen[..., None], shown, mean)))
        assert all(np.array_equal(rendered(fields, picture), laid) for picture in hidden.values())
        assert not np.array_equal(rendered(fields, Picture(hidden["black"].rgb)), laid)


def test_a_picture_counts_as_far_as_it_is_opaque() -> None:
    """Of a fifth of white and four fifths of black, the mean is a dark grey."""
    rgb = np.uint8([[[255] * 3, [0] * 3, [200, 0, 0]]])
    alpha = np.uint8([[51, 204, 0]])
    for picture, unit in (Picture(rgb, alpha), 1), (Picture(rgb.astype(np.uint16) * 257, alpha), 257):
        assert picture.over_mean.dtype == picture.rgb.dtype
        # 255 × 0.2 + 51 × 0.8; 0 × 0.8 + 51 × 0.2; 51.
        expected = np.array([[[91.8] * 3, [10.2] * 3, [51] * 3]]) * unit
        assert np.abs(picture.over_mean - expected).max() <= 0.5
    assert Picture(rgb).over_mean is rgb


@pytest.mark.parametrize("field", ["guide", "styles.1.asset"])
def test_a_style_or_a_guide_that_is_all_transparent_is_refused(field: str) -> None:
    nothing = Picture(np.full((4, 4, 3), 90, np.uint8), np.zeros((4, 4), np.uint8))
    with pytest.raises(PictureError, match="transparent everywhere"):
        rendered_from({field: nothing})
    assert rendered_from({"content": nothing})["content"] is nothing.rgb
