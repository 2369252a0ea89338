"""The command line without a farm: help, mistakes, numbers as people read them."""

from __future__ import annotations

import dataclasses
import datetime
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner, Result

from api.cli import words
from api.cli.progress import Snapshot, _Bars, _Lines
from api.cli.submit import _proportioned
from deploy.main import build

#: Nothing listens on the discard port.
NO_FARM = {"DREAMFARM_URL": "http://127.0.0.1:9", "DREAMFARM_KEY": "df_x", "COLUMNS": "200", "NO_COLOR": "1"}


APP = build()


#: A picture of a format that Pillow reads and the farm does not take: an icon's header, and one pixel.
_ICON = bytes.fromhex("00000100010001010000010020003000000016000000") + bytes.fromhex(
    "280000000100000002000000010020000000000004000000000000000000000000000000000000000000ffff00000000"
)


def run(*arguments: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(APP, arguments, env=NO_FARM, prog_name="dreamfarm")


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All commands, with what is typed to reach them."""
    for name, sub in getattr(command, "commands", {}).items():
        if not sub.hidden:
            yield (*path, name), sub
            yield from commands(sub, *path, name)


ALL = dict(commands(get_command(APP)))


def test_every_command_of_the_manual_is_there() -> None:
    named = "up down status dream style batch ls show watch fetch log cancel pause resume retry priority models layers "
    named += "delete restore classify render plan verify rerun worker api sweeper flower db doctor"
    assert {(name,) for name in named.split()} <= ALL.keys()
    assert {("models", "show"), ("render", "dream"), ("render", "style"), ("db", "upgrade")} <= ALL.keys()


@pytest.mark.parametrize("path", [(), *ALL], ids=" ".join)
def test_every_command_and_group_has_help_with_an_example(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")

    assert result.exit_code == 0
    assert re.search(rf"Example: (\S+=\S+ )?dreamfarm {' '.join(path)}", result.output), result.output


def test_choices_are_those_of_the_specification() -> None:
    shown = run("dream", "--help").output

    assert "exact|fast|roll" in shown
    assert "mp4|webp|gif" in shown
    assert "std|mean_abs|laplacian" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dream", "--siz", "3"], "--siz"),
        (["dream", "--tiling", "fuzzy"], "fuzzy"),
        (["dream", "--octaves", "many"], "--octaves"),
        (["dream", "--octaves", "99"], "--octaves: Input should be less than or equal to 16"),
        (["dream", "--step", "nan"], "--step: Input should be a finite number"),
        (["dream", "--preset", "lapnrom"], "--preset: there is no preset 'lapnrom' (did you mean 'lapnorm'"),
        (["dream", "--layer", "mixed4c:"], "'mixed4c:' should be layer"),
        (["dream", "--bits", "16", "--format", "jpeg"], "for 16 bits choose png or tiff"),
        (["dream", "missing.jpg"], "there is no picture missing.jpg"),
        (["dream", "--guide", "missing.jpg"], "there is no picture missing.jpg"),
        (["dream", "."], "there is no picture . (it is a folder)"),
        (["dream", "--priority", "12"], "--priority"),
        (["style", "a.jpg"], "--style PICTURE"),
        (["style"], "CONTENT"),
        (
            ["style", "a.jpg", "--style", "b.jpg", "--mask", "c", "--mask", "d"],
            "--mask: there are 2 masks for 1 styles",
        ),
        (["style", "a.jpg", "--style", "b.jpg", "--optimizer", "newton"], "newton"),
        (["batch", "nowhere.csv"], "nowhere.csv"),
        (["batch", ".", "--sweep", "step"], "should be key=value"),
        (["show", "42"], "'42' is not an ID"),
        (["cancel", "../jobs"], "is not an ID"),
        (["delete", "j1", "42"], "'42' is not an ID"),
        (["delete"], "ID"),
        (["priority", "j1", "10"], "0-9"),
        (["ls", "--state", "done"], "there is no state 'done'"),
        (["ls", "--batches", "--state", "queued"], "--batches"),
        (["fetch", "j1"], "--out"),
        (["log", "b1"], "a log is a job's"),
        (["rerun", "nowhere.png"], "there is no file nowhere.png"),
        (["rerun", "nowhere.png", "--set", "preset=lapnorm"], "another preset would change nothing"),
        (["layers", "motifnot"], "there is no model 'motifnot' (did you mean 'motifnet'?)"),
        (["models", "show", "vgg99"], "there is no model 'vgg99'"),
        (["classify", "vgg99", __file__], "this is a text file"),
        (["verify", __file__], "this is a text file"),
        (["render", "dream", "missing.jpg"], "there is no picture missing.jpg"),
        (["render", "dream", "--layer", "mixed4x"], "--layer: model 'motifnet' has no layer 'mixed4x'"),
        (["plan", "dream", "--layer", "logits:unicorn"], "--layer: layer 'logits' has no channel 'unicorn'"),
        (["plan", "style", "missing.jpg"], "missing.jpg"),
        (["dream", "a.jpg", "--aspect", "1.5"], "--aspect: only a dream out of noise can have one; the input keeps"),
        (["plan", "dream", "a.jpg", "--aspect", "1"], "--aspect: only a dream out of noise"),
        (["render", "dream", "a.jpg", "b.jpg", "--aspect", "2"], "leave it out, or leave the picture out"),
        (["nonsense"], "nonsense"),
        (["ls", "--url", "nonsense"], "'nonsense' is no farm's address"),
        (["ls", "--url", "http://[::1"], "is no farm's address"),
        (["ls", "--url", "http://127.0.0.1:99999"], "is no farm's address"),
        (["ls", "--key", "grün"], "cannot be one"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_ends_with_2_and_a_clear_message(arguments: list[str], said: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2, result.output
    assert said in result.output
    assert "Traceback" not in result.output


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1), max_size=4))
def test_no_arguments_bring_a_traceback(arguments: list[str]) -> None:
    # Of the commands that only ask: those that start farms or render take what they get.
    for command in (["show"], ["plan", "dream"], ["priority"], ["layers"]):
        result = run(*command, *arguments)
        assert result.exit_code in (0, 1, 2), result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), (command, arguments)


@pytest.mark.parametrize("command", [["ls"], ["show", "j1"], ["watch"], ["cancel", "b1"], ["dream"], ["log", "j1"]])
def test_without_a_farm_it_is_said_how_to_start_one(command: list[str]) -> None:
    result = run(*command)

    assert result.exit_code == 1
    assert "no farm answers at http://127.0.0.1:9" in result.output
    assert "dreamfarm up" in result.output


def test_plans_and_networks_are_told_without_a_farm(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200)).save(tmp_path / "a.jpg")

    assert "motifnet" in run("models").stdout
    assert "mixed4c" in run("layers").stdout
    assert "eye" in run("layers", "motifnet", "--channels", "logits").stdout
    planned = run("plan", "dream", str(tmp_path / "a.jpg"), "--size", "600", "--octaves", "2")
    assert "600×400" in planned.stdout
    assert "without an estimate of time" in planned.stderr
    for sweep, listed in (("seed=1..3", True), ("seed=1..300", False)):
        batch = run("batch", str(tmp_path), "--sweep", sweep, "--set", "size=600", "--dry-run")
        assert f"jobs    {sweep[8:]}" in batch.stdout
        assert ("a seed=2" in batch.stdout) == ("600×400" in batch.stdout) == listed


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_file_names_that_are_no_text_are_taken(tmp_path: Path, encoding: str) -> None:
    name = os.fsdecode(b"sch\xf6n [x].jpg")
    try:
        Image.new("RGB", (300, 200)).save(tmp_path / name, "JPEG")
    except OSError:
        pytest.skip("this file system takes text only")
    environment = {**os.environ, **NO_FARM, "PYTHONIOENCODING": encoding}

    for command, code in ((["plan", "dream"], 0), (["rerun"], 2), (["dream"], 1)):
        arguments = [sys.executable, "-m", "deploy.main", *command, str(tmp_path / name)]
        answer = subprocess.run(arguments, capture_output=True, env=environment, check=False)
        assert answer.returncode == code, answer.stderr
        assert b"Traceback" not in answer.stderr


def test_names_are_told_as_they_are(tmp_path: Path) -> None:
    """Given a name that Rich would take for markup and emoji, a mistake has it unchanged."""
    missing = tmp_path / "[red] :owl:.png"
    assert str(missing) in run("plan", "dream", str(missing)).stderr


@pytest.mark.parametrize("content", [b"", b"hello", _ICON], ids=["empty", "text", "icon"])
def test_what_the_farm_would_not_take_is_not_planned(tmp_path: Path, content: bytes) -> None:
    """Given a file that an upload would refuse, a plan says the same."""
    (tmp_path / "a.png").write_bytes(content)

    for command in (("plan", "dream", str(tmp_path / "a.png")), ("batch", str(tmp_path), "--dry-run")):
        answer = run(*command)
        assert answer.exit_code == 2
        assert "a.png: " in answer.stderr
        assert "BytesIO" not in answer.stderr


def test_a_turned_picture_is_planned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200)).save(tmp_path / "a.jpg", exif=exif)

    assert "200×300" in run("plan", "dream", str(tmp_path / "a.jpg")).stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a.jpg: the file is empty"),
        (b"eggs", "a.jpg: this is a text file, not a picture (it begins 'eggs'); use png"),
        (b"%PDF-1.7", "a.jpg: this is a PDF document, not a picture; use png"),
    ],
)
@pytest.mark.parametrize("command", [("plan", "dream"), ("render", "dream")], ids=" ".join)
def test_what_is_no_picture_is_refused_with_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], content: bytes, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jpg").write_bytes(content)

    result = run(*command, "a.jpg")

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    "beside", ["a-dream.png", "a-dream.json", "a-dream-animation.webp", "a-dream-frames/00001.jpg", "a-dream-frames"]
)
def test_what_lies_beside_an_output_is_not_replaced_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("a.png")
    there = Path("out") / beside
    there.parent.mkdir(parents=True)
    there.write_text("somebody's own")

    result = run("render", "dream", "a.png", "--out", "out", "--animation", "webp", "--frames-every", "1")

    assert result.exit_code == 2
    assert f"out/{beside.partition('/')[0]} is there already" in result.stderr
    assert "--overwrite" in result.stderr
    assert there.read_text() == "somebody's own"
    assert list(Path("out").rglob("*.*")) == ([there] if there.suffix else [])


def test_what_lies_beside_an_output_is_replaced_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64)).save("a.png")
    frames = Path("a-dream-frames")
    frames.mkdir()  # without a frame in it, it is nobody's
    small = ("--octaves", "1", "--iterations", "1", "--layer", "conv2d0", "--frames-every", "1")

    assert run("render", "dream", "a.png", *small).exit_code == 0
    written = {path.name for path in Path().iterdir()}
    frame = frames / "00001.jpg"
    frame.write_text("of another one")
    refused = run("render", "dream", "a.png", *small)
    assert refused.exit_code == 2
    assert frame.read_text() == "of another one"
    assert run("render", "dream", "a.png", *small, "--overwrite").exit_code == 0
    assert frame.read_bytes().startswith(b"\xff\xd8")
    assert {path.name for path in Path().iterdir()} == written


def test_colours_under_transparency_are_not_classified(tmp_path: Path) -> None:
    """Given pictures that look the same, and are others where nothing is seen, the same is found in them."""
    shape = np.zeros((96, 96), np.uint8)
    shape[24:72, 24:72] = 255
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 256, (96, 96, 3), np.uint8)
    found = []
    for hidden in (seen, rng.integers(0, 256, seen.shape, np.uint8)):
        rgb = np.where(shape[..., None] > 0, seen, hidden)
        Image.fromarray(np.dstack([rgb, shape])).save(tmp_path / "a.png")
        found.append(run("classify", "motifnet", str(tmp_path / "a.png"), "--json").stdout)
    assert found[0] == found[1] != ""

    Image.new("RGBA", (96, 96)).save(tmp_path / "a.png")
    nothing = run("classify", "motifnet", str(tmp_path / "a.png"))
    assert nothing.exit_code == 2
    assert "a.png is transparent everywhere" in nothing.stderr


def test_help_comes_quickly_and_brings_no_tensorflow() -> None:
    code = (
        "import sys; from deploy.main import build; from typer.testing import CliRunner; "
        "assert CliRunner().invoke(build(), ['--help']).exit_code == 0; "
        "heavy = {'tensorflow', 'keras', 'numpy', 'PIL', 'sqlalchemy', 'celery', 'fastapi', 'httpx'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "?"), (0, "0.0 s"), (8.24, "8.2 s"), (9.96, "10 s"), (59.9, "60 s"), (59.96, "1 min"), (61, "1 min 1 s"),
        (250, "4 min 10 s"), (3_600, "1 h"), (11_100, "3 h 5 min"), (86_400, "1 d"), (187_200, "2 d 4 h"),
    ],
)  # fmt: skip
def test_durations_read_well(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@given(st.floats(0, 1e9))
def test_every_duration_can_be_said(seconds: float) -> None:
    assert re.fullmatch(r"[\d.]+ s|\d+ min( \d+ s)?|\d+ h( \d+ min)?|\d+ d( \d+ h)?", words.duration(seconds))


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (99_960, "100 kB"), (3.44e6, "3.4 MB"), (7e13, "70.0 TB")]
)  # fmt: skip
def test_sizes_read_well(count: float, said: str) -> None:
    assert words.size(count) == said


def test_times_are_told_from_now() -> None:
    now = datetime.datetime.now(datetime.UTC)

    assert words.ago(now) == "just now"
    assert words.ago(now - datetime.timedelta(minutes=3, seconds=20)) == "3 min ago"
    assert words.ago(now + datetime.timedelta(minutes=3)) == "just now"  # clocks differ


def test_tables_in_pipes_keep_every_row_whole(capsys: pytest.CaptureFixture[str]) -> None:
    words.table(["id", "name"], [("j1", "x" * 300 + " [bold] :owl:"), ("j2", "")])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].rstrip().endswith("x [bold] :owl:")


def test_tables_on_terminals_cut_names_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given jobs of a sweep, whose names differ at their ends, all columns and the ends are seen."""
    names = [f"a castle above the sea in winter.jpg step=2.0 seed={seed}" for seed in (1, 2)] + ["海" * 40 + "3"]
    for columns, flexible in ((["id", "name", "size"], "name"), (["name", "size", "states"], "states")):
        terminal = Console(file=io.StringIO(), force_terminal=True, width=48, color_system=None)
        monkeypatch.setattr(words, "out", terminal)
        cells = {"id": "j1", "size": "96×96", "states": "12 succeeded, 3 failed, 4 queued"}
        words.table(columns, [[cells.get(column, name) for column in columns] for name in names], flexible=flexible)
        assert isinstance(terminal.file, io.StringIO)
        lines = terminal.file.getvalue().splitlines()
        for line, end in zip(lines[1:], ("seed=1", "seed=2", "海3"), strict=True):
            assert f"{end}  " in line.replace("96×96", "  96×96")
            assert "…" in line
            assert "96×96" in line
            assert cell_len(line) <= 48


@given(st.text(), st.integers(1, 40))
def test_what_is_cut_in_its_middle_fits(text: str, width: int) -> None:
    cut = words.shortened(text, width)
    assert cell_len(cut) <= max(width, 1)
    assert cut == text or "…" in cut


def test_labels_of_bars_end_as_the_names_do() -> None:
    bars = _Bars()
    labels = [bars._label(name) for name in ("a castle above the sea in winter seed=12", "海" * 30 + "b", "eye")]
    assert {cell_len(label) for label in labels} == {bars._label_width}
    assert [label.strip()[-1] for label in labels] == ["2", "b", "e"]


def snapshot(octave: int, *, state: str = "running", mpit: float = 0.0) -> Snapshot:
    return Snapshot("j1", "castle.jpg", state, octave, 4, 1, 10, mpit, 10.0)


def test_of_many_jobs_those_that_wait_get_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with _Lines() as shown:
        for i in range(1_000):
            shown.update(dataclasses.replace(snapshot(0, state="queued"), id=f"j{i}"))

    assert len(capsys.readouterr().err.splitlines()) == 10


def test_lines_of_progress_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    with _Lines() as shown:
        shown.update(snapshot(0, state="queued"))
        for mpit in (0.1, 0.2, 0.3):
            shown.update(snapshot(1, mpit=mpit))
        shown.update(snapshot(2, mpit=1.0))

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" · ")[0] for line in lines] == [
        "castle.jpg  queued", "castle.jpg  octave 1/4, 1/10", "castle.jpg  octave 2/4, 1/10",
    ]  # fmt: skip


def test_rerunning_gives_up_an_aspect_to_a_picture() -> None:
    """Given specifications that older farms took, or a dream out of noise that gets a picture now."""
    picture, noise = {"input": "a.jpg", "size": {"aspect": 1.5}}, {"input": None, "size": {"aspect": 1.5}}

    assert _proportioned(picture, {})["size"]["aspect"] == 1.0
    assert _proportioned(noise, {"input": "a.jpg"})["size"]["aspect"] == 1.0
    assert _proportioned(noise, {"seed": "3"}) == noise
    assert _proportioned(picture, {"input": None}) == picture
