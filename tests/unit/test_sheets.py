"""Contact sheets, looked at as a person would: are the pictures there, in order, in their own proportions?"""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from shared.pictures import PictureError
from shared.sheets import MAX_PICTURES, contact_sheet

COLOURS = [(230, 20, 20), (20, 220, 20), (30, 30, 240), (240, 220, 20), (220, 20, 220), (20, 220, 220)]


def flat(colour: tuple[int, int, int], size: tuple[int, int] = (120, 80)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def page_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        return np.asarray(image).astype(int)


def region(page: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of the pixels that have a colour."""
    rows, columns = np.nonzero(np.abs(page - colour).max(axis=2) < 30)
    return columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1


def test_all_pictures_in_reading_order_with_their_proportions() -> None:
    sizes = [(120, 80), (80, 120), (100, 100), (160, 90), (90, 160), (120, 80)]
    cells = [(f"picture {i}", flat(*both)) for i, both in enumerate(zip(COLOURS, sizes, strict=True))]
    page = page_of(contact_sheet(cells))
    places = [region(page, colour) for colour in COLOURS]
    assert sorted(places, key=lambda place: (place[1] // 50, place[0])) == places
    for (_, _, width, height), size in zip(places, sizes, strict=True):
        assert width / height == pytest.approx(size[0] / size[1], rel=0.05)


@pytest.mark.parametrize("pictures", range(6, 13))
def test_the_last_row_is_no_taller_than_the_one_above(pictures: int) -> None:
    cells = [("", flat(COLOURS[0]))] * (pictures - 1) + [("", flat(COLOURS[1]))]
    page = page_of(contact_sheet(cells))
    _, _, _, first = region(page[:340], COLOURS[0])
    _, _, _, last = region(page, COLOURS[1])
    assert last <= first + 1


def test_captions_and_title_are_written_and_stay_inside() -> None:
    plain = page_of(contact_sheet([("", flat(COLOURS[0]))]))
    named = page_of(contact_sheet([("a caption much too long for its picture " * 20, flat(COLOURS[0]))], title="Dusk"))
    assert named.shape[0] > plain.shape[0]
    dark = np.abs(named - named[0, 0]).max(axis=2) < 40
    assert dark[:, :40].all()
    assert dark[:, -40:].all()
    left, top, width, height = region(named, COLOURS[0])
    below = ~dark[top + height : top + height + 34]
    assert below.any()
    assert np.nonzero(below)[1].max() <= left + width


@pytest.mark.parametrize("caption", ["Häuser · “Dämmerung”", "夕暮れ.jpg", "", "\n\t", "…"])
def test_captions_in_any_writing(caption: str) -> None:
    assert page_of(contact_sheet([(caption, flat(COLOURS[0]))], title=caption)).shape[1] == 1920


def test_transparent_pictures_lie_on_the_page() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (100, 100), (255, 255, 255, 0)).save(file, "PNG")
    page = page_of(contact_sheet([("", file.getvalue())]))
    assert np.abs(page - page[0, 0]).max() < 12


def test_small_pictures_are_enlarged_and_strips_do_not_take_the_page() -> None:
    page = page_of(contact_sheet([("", flat(COLOURS[0], (8, 8))), ("", flat(COLOURS[1], (4000, 10)))]))
    assert region(page, COLOURS[0])[3] > 100
    assert page.shape[0] < 1000


def test_very_many_pictures_end_with_a_count() -> None:
    cell = flat(COLOURS[0], (16, 16))
    full = page_of(contact_sheet([("", cell)] * MAX_PICTURES))
    more = page_of(contact_sheet([("", cell)] * (MAX_PICTURES + 50)))
    assert 0 < more.shape[0] - full.shape[0] < 60


def test_nothing_to_show_and_damaged_pictures() -> None:
    with pytest.raises(PictureError, match="no pictures"):
        contact_sheet([])
    with pytest.raises(PictureError, match="text file"):
        contact_sheet([("a", flat(COLOURS[0])), ("b", b"no picture")])
