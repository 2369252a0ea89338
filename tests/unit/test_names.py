"""Names of files: whatever people call their pictures, any disk takes what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from deploy.local import _name, _replacing
from deploy.main import build
from shared.manifests import Entry
from shared.names import cut, part_of
from shared.specs import DreamSpec

#: As long as a disk takes it: 83 characters of three bytes, and an extension.
LONG = "梦" * 83 + ".jpg"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("castle", "castle"),
        ("a" * 200, "a" * 150),
        ("梦" * 80, "梦" * 50),
        ("a" + "🏰" * 80, "a" + "🏰" * 37),
        ("a\udcff", "a\udcff"),
    ],
    ids=ascii,
)
def test_names_are_cut_between_characters(name: str, expected: str) -> None:
    assert cut(name) == expected


def test_what_is_half_written_has_a_short_name_of_its_own(tmp_path: Path) -> None:
    longest, other = tmp_path / LONG, tmp_path / "b.jpg"
    with _replacing(longest) as file:
        file.write(b"whole")
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    assert longest.read_bytes() == b"whole"
    assert part_of(longest) != part_of(other)


def test_an_output_and_all_beside_it_can_be_written(tmp_path: Path) -> None:
    output = tmp_path / _name(Entry("", {"input": LONG}), DreamSpec())
    for beside in (output, output.with_name(f"{output.stem}-animation.webp"), part_of(output)):
        beside.touch()
    assert output.name == "梦" * 50 + "-dream.png"


@pytest.mark.parametrize(
    ("one", "other"), [("IMG.png", "img.png"), ("\u00e9.png", "e\u0301.png")], ids=["capitals", "accents"]
)
def test_names_that_a_mac_takes_for_one_are_refused_before_rendering(tmp_path: Path, one: str, other: str) -> None:
    pictures = [tmp_path / "a" / one, tmp_path / "b" / other]
    for path in pictures:
        path.parent.mkdir()
        Image.new("RGB", (64, 64)).save(path)
    arguments = ["render", "dream", *map(str, pictures), "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(build(), arguments, prog_name="dreamfarm", env={"COLUMNS": "200"})
    assert told.exit_code == 2
    assert "have the same name (but for capitals)" in told.output
    assert not (tmp_path / "out").exists()
