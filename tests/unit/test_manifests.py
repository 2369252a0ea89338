"""Batch manifests and sweeps: every way of writing a batch means the same, and mistakes say where they are."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.manifests import (
    Entry,
    ManifestError,
    change,
    check,
    complete,
    parse,
    parse_layer,
    parse_settings,
    parse_style,
    parse_sweep,
    pictures,
    read,
    sweep,
    with_assets,
)
from shared.specs import SPEC, DreamSpec, StyleSpec, assets_of, stored_spec

FORMATS = ("csv", "json", "ndjson", "yaml")
ASSET = "sha256:" + 64 * "a"

names = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
jobs = st.fixed_dictionaries(
    {"input": names.map(lambda name: f"{name}.jpg")},
    optional={
        "step": st.floats(0.1, 100).map(lambda x: round(x, 3)),
        "octaves": st.integers(1, 16),
        "octave_scale": st.floats(1.05, 4).map(lambda x: round(x, 3)),
        "seed": st.integers(0, 2**62),
        "size": st.integers(16, 65_536),
        "preset": st.sampled_from(["deepdream", "lapnorm"]),
        "layer": st.lists(names, min_size=1, max_size=3).map("; ".join),
        "detail": st.sampled_from(["before", "after", "none"]),
    },
)


def written(batch: list[dict[str, Any]], format: str) -> str:
    """The batch as the text of a manifest."""
    if format == "json":
        return json.dumps({"jobs": batch})
    if format == "yaml":
        return yaml.safe_dump(batch)
    if format == "ndjson":
        return "\n\n".join(json.dumps(job) for job in batch)
    text = io.StringIO()
    columns = sorted({key for job in batch for key in job})
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(batch)
    return text.getvalue()


@given(st.lists(jobs, min_size=1, max_size=5))
def test_all_formats_mean_the_same(batch: list[dict[str, Any]]) -> None:
    read_back = [check(parse(written(batch, format), format, Path("/pictures"))) for format in FORMATS]

    assert all(specs == read_back[0] for specs in read_back)
    for spec, job in zip(read_back[0], batch, strict=True):
        assert isinstance(spec, DreamSpec)
        assert spec.name == job["input"]
        assert spec.octaves.count == job.get("octaves", SPEC.validate_python(_only_preset(job)).octaves.count)
        assert spec.size.long_edge == job.get("size")
        if "layer" in job:
            assert [term.layer for term in spec.objective] == job["layer"].split("; ")


def _only_preset(job: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "dream"} | {key: job[key] for key in ("preset",) if key in job}


@given(st.text(), st.sampled_from(FORMATS))
def test_no_text_is_worse_than_a_mistake(text: str, format: str) -> None:
    # Whatever else is raised fails the test.
    with contextlib.suppress(ManifestError):
        check(parse(text, format, Path()))


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("json", "[" * 100_000),
        ("yaml", "a: " + "[" * 5_000),
        ("json", "[{\"seed\": " + "9" * 5_000 + "}]"),
        ("yaml", "- {name: 2024-13-45}"),
        ("csv", 'input,step\n"unclosed'),
        ("csv", "input,input\na,b"),
        ("csv", "input\na,b"),
        ("json", "3"),
        ("json", "[3]"),
        ("ndjson", '{"kind": "dream"}\n{'),
        ("yaml", "&a [*a]"),
        ("json", '[{"octaves": {"count": 3}, "octaves.count.x": 1}]'),
        ("json", '[{"layer": [3]}]'),
        ("csv", "objective\n[1"),
    ],
)  # fmt: skip
def test_broken_manifests_are_mistakes(format: str, text: str) -> None:
    with pytest.raises(ManifestError):
        check(parse(text, format, Path()))


def test_every_mistake_is_named_with_its_line_and_field() -> None:
    text = "input,step,octaves.count\na.jpg,1,2\n\nb.jpg,fast,2\nc.jpg,1,99\nd.jpg,1,2\n"

    with pytest.raises(ManifestError) as raised:
        check(parse(text, "csv", Path()))

    assert [(m.where, m.field) for m in raised.value.mistakes] == [("line 4", "step"), ("line 5", "octaves.count")]
    assert "'fast'" in raised.value.mistakes[0].message


def test_an_aspect_beside_a_picture_is_refused_where_it_is_sent_and_not_where_it_is_stored() -> None:
    text = "input,content,style,aspect\na.jpg,,,1.5\n,,,1.5\na.jpg,,,1\n,b.jpg,c.jpg,0.5\n"

    with pytest.raises(ManifestError) as raised:
        check(parse(text, "csv", Path()))

    assert [(m.where, m.field) for m in raised.value.mistakes] == [("line 2", "size.aspect"), ("line 5", "size.aspect")]
    assert "the input keeps its own proportions" in raised.value.mistakes[0].message
    assert "the content keeps its own proportions" in raised.value.mistakes[1].message
    picture = "sha256:" + 64 * "a"
    stored = SPEC.validate_python({"kind": "dream", "input": picture, "size": {"aspect": 1.5}})
    assert stored_spec(stored.model_dump_json()) == stored


def test_long_names_of_a_sweep_keep_what_differs() -> None:
    entries = sweep([Entry("", {"kind": "dream", "name": "W" * 195 + ".jpg"})], [parse_sweep("seed=1..12")])

    names = [entry.job["name"] for entry in entries]
    assert len(set(names)) == 12
    assert {len(name) for name in names} == {200}
    assert names[11].endswith("WW seed=12")
    check(entries)


def test_unknown_fields_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(ManifestError, match="did you mean 'iterations'"):
        check(parse('{"iteration": 3}', "json", Path()))


def test_a_style_transfer_may_be_written_in_a_table() -> None:
    (entry,) = parse("content;style;keep_colors\na.jpg;sea.jpg=2\n", "csv", Path("/p"))
    (spec,) = check([entry])

    assert isinstance(spec, StyleSpec)
    assert pictures([entry]) == ["/p/a.jpg", "/p/sea.jpg"]
    assert spec.styles[0].weight == 2


def test_several_styles_are_separated_by_semicolons() -> None:
    job = complete({"content": "a.jpg", "style": "sea.jpg=2; wood.jpg"})

    assert job["styles"] == [{"asset": "sea.jpg", "weight": 2.0}, {"asset": "wood.jpg"}]


def test_masks_follow_the_order_of_the_styles() -> None:
    (entry,) = parse("mask,content,style\nsky.png; -,a.jpg,sea.jpg; wood.jpg\n", "csv", Path("/p"))
    (spec,) = check([entry])

    assert isinstance(spec, StyleSpec)
    assert entry.job["styles"] == [
        {"asset": "/p/sea.jpg", "mask": "/p/sky.png"},
        {"asset": "/p/wood.jpg", "mask": None},
    ]
    assert pictures([entry]) == ["/p/a.jpg", "/p/sea.jpg", "/p/sky.png", "/p/wood.jpg"]
    unmasked = change(entry.job, {"mask": "-"})
    assert [style["mask"] for style in unmasked["styles"]] == [None, None]


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"content": "a.jpg", "mask": "m.png"}, "no style to lay there"),
        ({"content": "a.jpg", "style": "s.jpg", "masks": ["m.png", "n.png"]}, "2 masks for 1 styles"),
        ({"content": "a.jpg", "styles": ["s.jpg"], "mask": "m.png"}, "no style to lay there"),
    ],
)
def test_masks_without_styles_are_mistakes(job: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        complete(job)


def test_pictures_become_assets_and_assets_stay() -> None:
    job = {"kind": "style", "content": "a.jpg", "styles": [{"asset": "b.jpg"}, {"asset": ASSET}]}

    placed = with_assets(job, {"a.jpg": "A", "b.jpg": "B"}.__getitem__)

    assert placed == {"kind": "style", "content": "A", "styles": [{"asset": "B"}, {"asset": ASSET}]}
    assert pictures([Entry("", job)]) == ["a.jpg", "b.jpg"]


def test_a_folder_is_a_dream_of_each_picture_in_it(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "deeper").mkdir()
    # A Mac's notes about a picture, and a folder that is named like one.
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7")
    (tmp_path / "c.png").mkdir()

    entries = read(tmp_path)

    assert [entry.job for entry in entries] == [
        {"kind": "dream", "name": name, "input": str(tmp_path / name)} for name in ("a.png", "b.JPG")
    ]


@pytest.mark.parametrize("name", ["empty.csv", "notes.txt", "missing.json", "latin.csv"])
def test_what_is_no_manifest_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.csv").write_text("input\n")
    (tmp_path / "notes.txt").write_text("input\n")
    (tmp_path / "latin.csv").write_bytes("name\nSchloß".encode("latin-1"))

    with pytest.raises(ManifestError, match=name):
        read(tmp_path / name)


def test_an_empty_folder_is_no_batch(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no pictures"):
        read(tmp_path)


@given(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True), min_size=1, max_size=3))
def test_a_sweep_has_every_combination_once(values: list[list[int]]) -> None:
    keys = ["seed", "iterations", "priority"][: len(values)]
    sweeps = [parse_sweep(f"{key}={','.join(map(str, some))}") for key, some in zip(keys, values, strict=True)]

    swept = sweep([Entry("line 2", {"kind": "dream", "name": "castle.jpg"})], sweeps)

    combinations = {tuple(int(entry.job[key]) for key in keys) for entry in swept}
    expected = 1
    for some in values:
        expected *= len(some)
    assert len(swept) == len(combinations) == expected
    assert len({entry.job["name"] for entry in swept}) == expected
    assert all(entry.job["name"].startswith("castle seed=") for entry in swept)
    assert all(entry.where.startswith("line 2, seed=") for entry in swept)


def test_a_sweep_knows_ranges_layers_and_short_names() -> None:
    assert parse_sweep("seed=3..5,9").values == ("3", "4", "5", "9")
    entries = sweep([Entry("", complete({}))], [parse_sweep("layer=mixed4c,logits:eye"), parse_sweep("octaves=2,3")])
    specs = check(entries)

    assert [(s.objective[0].layer, s.objective[0].channel, s.octaves.count) for s in specs] == [  # type: ignore[union-attr]
        ("mixed4c", None, 2), ("mixed4c", None, 3), ("logits", "eye", 2), ("logits", "eye", 3),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "step", "=3", "step=", "step=1,,2", "seed=9..1", "seed=0..99999999"])
def test_a_sweep_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        parse_sweep(text)


@pytest.mark.parametrize("twice", [("seed=1", "seed=2"), ("octave-scale=1.2", "step=1", "octaves.scale=1.3")])
def test_a_field_that_is_swept_twice_is_refused(twice: tuple[str, ...]) -> None:
    """As one job has one value, the others would be rendered under names that are not true."""
    with pytest.raises(ManifestError, match="is swept twice; give all its values at once"):
        sweep([Entry("", complete({}))], [parse_sweep(text) for text in twice])


def test_a_sweep_of_too_many_jobs_is_refused_before_it_is_made() -> None:
    sweeps = [parse_sweep("seed=0..99998"), parse_sweep("priority=0..9"), parse_sweep("iterations=1..99")]

    with pytest.raises(ManifestError, match="98,999,010 jobs; a batch has up to 100,000"):
        sweep([Entry("", complete({}))], sweeps)


def test_every_value_may_be_text() -> None:
    (spec,) = check(parse("bits,seed,detail,output.format\n16,7,none,tiff\n", "csv", Path()))

    assert isinstance(spec, DreamSpec)
    assert (spec.output.bits, spec.seed, spec.detail, spec.output.format) == (16, 7, "none", "tiff")


def test_settings_take_fields_away_but_not_all() -> None:
    job = complete({"animation": "gif", "tile": 512, "objective": "mixed4c; mixed3a"})

    (spec,) = check([Entry("", change(job, parse_settings(["animation=null", "tile=null"])))])

    assert (spec.animation, spec.tiling.tile) == (None, None)
    assert len(job["objective"]) == 2
    with pytest.raises(ManifestError, match="cannot be taken away"):
        change(job, parse_settings(["layer=null"]))


def test_changing_a_job_leaves_the_original() -> None:
    job = complete({"octaves": 3})
    changed = change(job, {"octaves.scale": "1.3", "octaves": "5"})

    assert changed["octaves"] == {"count": "5", "scale": "1.3"}
    assert job["octaves"] == {"count": 3}


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("mixed4c", {"layer": "mixed4c"}),
        ("mixed4c=0.5", {"layer": "mixed4c", "weight": 0.5}),
        ("mixed4c:eye", {"layer": "mixed4c", "channel": "eye"}),
        ("mixed4c:12=-1e-2", {"layer": "mixed4c", "channel": "12", "weight": -0.01}),
    ],
)
def test_layers_are_written_shortly(text: str, term: dict[str, Any]) -> None:
    assert parse_layer(text) == term


@pytest.mark.parametrize("text", ["", "=1", ":eye", "mixed4c:", "mixed4c:=1"])
def test_a_layer_needs_a_name(text: str) -> None:
    with pytest.raises(ManifestError):
        parse_layer(text)


def test_a_picture_may_have_an_equals_sign_in_its_name() -> None:
    assert parse_style("a=b.jpg") == {"asset": "a=b.jpg"}
    assert parse_style("a=b.jpg=3") == {"asset": "a=b.jpg", "weight": 3.0}


def test_a_guide_is_a_picture_and_guides_whole_layers() -> None:
    rows = "input,guide,layer,blur\ncastle.jpg,flowers.jpg,mixed4a=2; logits:eye,1.5\n"
    entries = parse(rows, "csv", Path("folder"))
    assert pictures(entries) == ["folder/castle.jpg", "folder/flowers.jpg"]
    (spec,) = check(entries)
    assert isinstance(spec, DreamSpec)
    assert [(term.layer, term.statistic, term.weight) for term in spec.objective] == [
        ("mixed4a", "guided", 2.0),
        ("logits", "mean", 1.0),
    ]
    assert spec.gradient.blur == 1.5
    assert assets_of(spec).keys() == {"input", "guide"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"guide": "flowers.jpg", "layer": "logits:eye"}, "no objective looks for the guide's features"),
        ({"guide": "flowers.jpg", "preset": "garden"}, "no objective looks for the guide's features"),
        ({"objective": [{"layer": "mixed4a", "statistic": "guided"}]}, "a guided objective needs a guide"),
        (
            {"guide": "a.jpg", "objective": [{"layer": "logits", "channel": 1, "statistic": "guided"}]},
            "leave the channel out",
        ),
    ],
)
def test_guides_without_a_use_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        check([Entry("", complete(fields))])


@pytest.mark.parametrize("field", ["name", "input", "guide", "model", "preset"])
def test_text_may_begin_as_json_does(field: str) -> None:
    assert complete({field: "[draft] castle.jpg"})[field] == "[draft] castle.jpg"
    layers = '[{"layer": "mixed3a"}]'
    assert complete({"content_layers": layers})["content_layers"] == [{"layer": "mixed3a"}]
