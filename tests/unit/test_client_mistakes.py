"""What the Python client says of mistakes that it need not ask a farm about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.client import BadAddress, BadKey, BadRequest, Farm, FarmError, LocalFileError, MissingFile, NoFarm
from api.remote.fetching import telling_of_files

#: Nothing listens on the discard port.
NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "url",
    [
        "http://a..b", "http://.", f"http://{'a' * 64}.org", "http://xn--/", "http://x/\ud800", "http://my farm",
        " http://127.0.0.1:9", "http://127.0.0.1:9?key=3", "ftp://x", "nonsense",
    ],
)  # fmt: skip
def test_what_is_no_address_is_told_before_it_is_asked(url: str) -> None:
    with pytest.raises(BadAddress, match="is no farm's address; one is like http") as raised:
        Farm(url, "k").whoami()
    assert isinstance(raised.value, ValueError)
    assert raised.value.caller_erred


@pytest.mark.parametrize("url", ["http://[::1]:9", "http://localhost:9/farm/", "http://127.0.0.1:9"])
def test_what_may_be_an_address_is_asked(url: str) -> None:
    with pytest.raises(NoFarm):
        Farm(url, "k").whoami()


def test_a_key_that_no_header_holds_is_not_sent() -> None:
    with pytest.raises(BadKey) as raised:
        Farm(NOBODY, "grün")
    assert isinstance(raised.value, ValueError)


DREAM: dict[str, Any] = {"kind": "dream"}
RING: dict[str, Any] = {}
RING["ring"] = RING


@pytest.mark.parametrize(
    ("asked", "said", "like"),
    [
        (lambda farm: farm.submit(DREAM, idempotency_key="grün"), "is no idempotency key; one is", ValueError),
        (lambda farm: farm.submit_batch([DREAM], idempotency_key="a\nb"), "is no idempotency key", ValueError),
        (lambda farm: farm.submit(DREAM | {"input": Path("a.png")}), "`id`s of their uploads", TypeError),
        (lambda farm: farm.submit_batch([DREAM | {"input": Path("a.png")}]), "not JSON serializable", TypeError),
        (lambda farm: farm.plan([RING]), "cannot be sent as JSON", ValueError),
        (lambda farm: list(farm.jobs(batch="\ud800")), "characters that no request can hold", ValueError),
        (lambda farm: next(farm.events(job="\ud800")), "characters that no request can hold", ValueError),
    ],
)
def test_what_cannot_be_sent_is_told(asked: Callable[[Farm], object], said: str, like: type[Exception]) -> None:
    with Farm(NOBODY, "k") as farm, pytest.raises(BadRequest, match=said) as raised:
        asked(farm)
    assert isinstance(raised.value, like)
    assert raised.value.caller_erred


def test_pictures_that_cannot_be_read_are_told_as_what_they_are(tmp_path: Path) -> None:
    """Given programs that have caught the system's exceptions, they still do."""
    missing = tmp_path / "a.png"
    with Farm(NOBODY, "k") as farm:
        for send in (farm.upload, lambda path: list(farm.upload_all([str(path)]))):
            with pytest.raises(MissingFile) as raised:
                send(missing)
            assert isinstance(raised.value, FarmError)
            assert isinstance(raised.value, FileNotFoundError)
            assert str(raised.value) == f"there is no file {missing}; name a picture that is there"
            assert raised.value.filename == str(missing)
            assert raised.value.caller_erred
            with pytest.raises(OSError, match="is a folder; name a picture in it"):
                send(tmp_path)
            with pytest.raises(LocalFileError, match="name a file that can"):
                send(Path("a\0b.png"))


def test_what_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(LocalFileError, match=r"file cannot be written .*choose another folder") as raised,
        telling_of_files(),
    ):
        (tmp_path / "file").mkdir()
    assert not raised.value.caller_erred
    with pytest.raises(MissingFile), telling_of_files():
        (tmp_path / "folder" / "a.png").write_bytes(b"")
