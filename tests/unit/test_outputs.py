"""Outputs: what they carry, and that it is found again."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from deploy.inprocess import Rendered
from deploy.verifying import compare
from shared.cards import card
from shared.outputs import Manifest, NoManifest, manifest_in, manifest_of, output_file, parse_manifest, pixels_digest
from shared.pictures import DEFAULT_LIMITS, Picture, PictureError, decode
from shared.plan import plan
from shared.specs import SPEC, stored_spec

ASSET = "sha256:" + 64 * "a"
FORMATS = [("png", 8), ("png", 16), ("tiff", 8), ("tiff", 16), ("jpeg", 8), ("webp", 8)]


def rendered(
    format: str = "png", bits: int = 8, **fields: Any
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], Manifest]:
    """A rendering of 64 × 48 pixels, and its manifest."""
    output = {"format": format, "bits": bits}
    spec = SPEC.validate_python({"kind": "dream", "input": ASSET, "name": "Schloß …", "output": output} | fields)
    planned = plan(spec, card=card("motifnet"), width=64, height=48)
    rgb = np.random.default_rng(0).uniform(0, 255, (48, 64, 3)).astype(np.float32)
    return rgb, manifest_of(spec, planned, rgb, model_digest="f" * 64)


@pytest.mark.parametrize(("format", "bits"), FORMATS)
def test_an_output_carries_all_it_takes_to_make_it_again(format: str, bits: int) -> None:
    rgb, manifest = rendered(format, bits)

    found = manifest_in(output_file(rgb, manifest, None))

    assert found == manifest
    assert found.spec.name == "Schloß …"
    assert found.inputs == {"input": ASSET}
    assert (found.size, found.model.sha256) == ((64, 48), "f" * 64)
    assert found.pixels == pixels_digest(rgb)


def test_the_digest_of_the_pixels_is_of_their_bytes() -> None:
    rgb, _ = rendered()
    nearly = rgb.copy()
    nearly[3, 4, 1] = np.nextafter(nearly[3, 4, 1], np.float32(300))

    assert pixels_digest(rgb) == pixels_digest(np.asfortranarray(rgb)) == pixels_digest(rgb.astype(">f4"))
    assert pixels_digest(nearly) != pixels_digest(rgb)
    assert pixels_digest(rgb) == f"sha256:{hashlib.sha256(rgb.astype('<f4').tobytes()).hexdigest()}"


def test_the_digest_of_a_large_picture_is_of_all_rows() -> None:
    rgb = np.random.default_rng(0).uniform(0, 255, (1100, 1000, 3)).astype(np.float32)

    assert pixels_digest(rgb[:, ::2]) == f"sha256:{hashlib.sha256(rgb[:, ::2].tobytes()).hexdigest()}"
    assert pixels_digest(rgb) == f"sha256:{hashlib.sha256(rgb.tobytes()).hexdigest()}"


@pytest.mark.parametrize("size", [(48, 64), (24, 32), (200, 100)])
def test_transparency_is_kept_at_the_outputs_size(size: tuple[int, int]) -> None:
    rgb, manifest = rendered()
    alpha = np.zeros(size, np.uint8)
    alpha[:, size[1] // 2 :] = 255

    file = decode(output_file(rgb, manifest, Picture(np.zeros((*size, 3), np.uint8), alpha)))

    assert file.alpha is not None
    assert file.alpha.shape == (48, 64)
    assert (file.alpha[:, :28] < 12).all()
    assert (file.alpha[:, 36:] > 243).all()
    assert np.abs(file.rgb - rgb).max() <= 0.51


@pytest.mark.parametrize(("format", "bits"), [("png", 8), ("tiff", 16), ("jpeg", 8)])
def test_outputs_may_be_larger_than_uploads(format: str, bits: int) -> None:
    """A strip longer than any picture that may be uploaded is understood, and held against its second rendering."""
    spec = SPEC.validate_python({"kind": "dream", "input": ASSET, "output": {"format": format, "bits": bits}})
    width, height = DEFAULT_LIMITS.max_side + 1000, 48
    planned = plan(spec, card=card("motifnet"), width=width, height=height)
    rgb = np.zeros((height, width, 3), np.float32)
    manifest = manifest_of(spec, planned, rgb, model_digest="f" * 64)
    rendered = Rendered(rgb, manifest, source=None, frames={}, animation=None, note="", seconds=0.0)
    data = output_file(rgb, manifest, None)

    assert manifest_in(data) == manifest
    assert compare(data, rendered, manifest, tolerance=0).identical

    rgb[3, width - 1] = 255
    assert not compare(data, rendered, manifest, tolerance=0).same
    cropped = output_file(rgb[:, :-1], manifest, None)
    assert compare(cropped, rendered, manifest, tolerance=0).share == 1.0


@pytest.mark.parametrize(
    ("differing", "said"), [(3072, "100 %"), (3071, "100 %"), (3000, "97.7 %"), (310, "10.1 %"), (1, "0.0326 %")]
)
def test_how_much_differs_is_told_in_plain_numbers(differing: int, said: str) -> None:
    rgb, manifest = rendered()
    data = output_file(rgb, manifest, None)
    rgb.reshape(-1, 3)[:differing] = 255 - rgb.reshape(-1, 3)[:differing].round() // 2
    again = Rendered(rgb, manifest, source=None, frames={}, animation=None, note="", seconds=0.0)

    assert compare(data, again, manifest, tolerance=0).told.startswith(f"{said} of the pixels differ")


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    """A picture file of Pillow's."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def described(text: str) -> bytes:
    """A PNG with something in the place of a manifest."""
    info = PngInfo()
    info.add_itxt("dreamfarm", text)
    return saved(Image.new("RGB", (32, 32)), "PNG", pnginfo=info)


@pytest.mark.parametrize(
    "text", ["", "a holiday in Rome", "[]", "{}", '{"software": "dreamfarm 9", "spec": {}}', "[" * 9_999]
)
def test_other_descriptions_are_no_manifests(text: str) -> None:
    with pytest.raises(NoManifest):
        manifest_in(described(text))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inputs": {}}, "which picture was its input"),
        ({"tiling": {"mode": "exact", "tile": 64, "parallel": -1}}, "equal to 1"),
    ],
)
def test_a_manifest_that_nothing_can_be_rendered_from_is_refused(changed: dict[str, Any], said: str) -> None:
    told = json.loads(rendered()[1].model_dump_json())
    with pytest.raises(NoManifest, match=f"cannot be read by this version: .*{said}"):
        parse_manifest(json.dumps(told | changed))


def test_a_picture_without_a_manifest_says_so() -> None:
    with pytest.raises(NoManifest, match="carries no dreamfarm manifest"):
        manifest_in(saved(Image.new("RGB", (32, 32)), "JPEG"))
    with pytest.raises(PictureError):
        manifest_in(b"no picture at all")


def test_what_was_stored_before_a_field_existed_has_nothing_of_todays_presets() -> None:
    """Given a specification of a version without natural colours, it stays without, though its preset has them now."""
    fields = SPEC.validate_python({"kind": "dream"}).model_dump(mode="json")
    assert fields["gradient"].pop("decorrelate") > 0
    assert SPEC.validate_python(fields).gradient.decorrelate > 0
    assert stored_spec(json.dumps(fields)).gradient.decorrelate == 0

    _, manifest = rendered()
    told = json.loads(manifest.model_dump_json())
    del told["spec"]["gradient"]["decorrelate"]
    assert parse_manifest(json.dumps(told)).spec.gradient.decorrelate == 0


def test_a_manifest_of_a_later_version_may_say_more() -> None:
    rgb, manifest = rendered()
    text = manifest.model_dump_json().replace('"software"', '"weather":"fine","software"')

    assert rgb.size
    assert manifest_in(described(text)) == manifest
