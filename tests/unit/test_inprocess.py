"""Jobs that are rendered in this process, without a farm."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest

from deploy.inprocess import Bench
from shared.settings import Settings
from shared.specs import DreamSpec


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
