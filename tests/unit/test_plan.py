"""The planner: octaves, tiles, cost, and refusals that name the field."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from shared.bounds import Bounds
from shared.cards import card
from shared.plan import Machine, OctavePlan, Plan, estimate_seconds, plan
from shared.presets import DREAM_PRESETS, STYLE_PRESETS
from shared.problems import Problem, SpecError, problems_of
from shared.settings import Settings
from shared.specs import SPEC, AnySpec, Objective, stored_spec
from shared.tiles import Cut
from shared.work import ACTIVATION_COPIES

ASSET = "sha256:" + "0" * 64
SMALL = Machine()


def planned(
    width: int | None = 640,
    height: int | None = 480,
    limit: int | None = None,
    machine: Machine = SMALL,
    cuts: tuple[Cut, ...] = (),
    **fields: Any,
) -> Plan:
    kind = fields.pop("kind", "dream")
    pictures = {"content": ASSET, "styles": [{"asset": ASSET}]} if kind == "style" else {}
    spec = SPEC.validate_python({"kind": kind, **pictures, **fields})
    described = card(spec.model)
    return plan(spec, card=described, width=width, height=height, tile_limit=limit, machine=machine, cuts=cuts)


def problems(**fields: Any) -> list[Problem]:
    with pytest.raises(SpecError) as caught:
        planned(**fields)
    return caught.value.problems


def test_octaves_grow_to_the_pictures_size() -> None:
    found = planned(octaves={"count": 3, "scale": 2.0}, iterations=7)
    assert [(o.width, o.height) for o in found.octaves] == [(160, 120), (320, 240), (640, 480)]
    assert (found.width, found.height, found.steps) == (640, 480, 21)
    assert found.mpit == pytest.approx(7 * (160 * 120 + 320 * 240 + 640 * 480) / 1e6)
    assert found.notes == ()


def test_octaves_of_which_a_border_takes_all_are_left_out() -> None:
    """They would change nothing and take their time. Those that are left have a cell inside the border."""
    fields: dict[str, Any] = {"objective": [{"layer": "mixed4a", "border": 10}], "octaves": {"count": 4}}
    found = planned(500, 500, **fields)
    layer = card("motifnet").find_layer("mixed4a")
    cells = [(octave.width - layer.min_size) // layer.stride + 1 for octave in found.octaves]
    assert len(found.octaves) == 2
    assert min(cells) > 20
    assert found.notes == (
        f"4 octaves clamped to 2: smaller ones would fall under motifnet's minimum of {layer.min_size + 320} pixels",
    )
    assert len(planned(500, 500, **fields | {"objective": [{"layer": "mixed4a"}]}).octaves) == 4


def test_the_long_edge_sets_the_output_and_keeps_proportions() -> None:
    found = planned(width=480, height=640, size={"long_edge": 2000})
    assert (found.width, found.height) == (1500, 2000)


def test_noise_has_the_size_that_is_asked_for() -> None:
    assert (planned(None, None).width, planned(None, None).height) == (512, 512)
    wide = planned(None, None, size={"long_edge": 300, "aspect": 1.5})
    tall = planned(None, None, size={"long_edge": 300, "aspect": 0.5})
    assert (wide.width, wide.height, tall.width, tall.height) == (300, 200, 150, 300)


def test_octaves_below_the_networks_minimum_are_dropped_with_a_note() -> None:
    found = planned(width=100, height=80, octaves={"count": 8, "scale": 1.5})
    assert [o.height for o in found.octaves] == [36, 53, 80]
    assert found.steps == 3 * found.octaves[0].iterations
    assert found.notes == ("8 octaves clamped to 3: smaller ones would fall under motifnet's minimum of 32 pixels",)


def test_a_picture_that_is_too_small_is_refused_with_a_size_that_is_enough() -> None:
    (problem,) = problems(width=200, height=20)
    assert problem.field == "size.long_edge"
    assert "needs 32 on the shorter side: ask for a long edge of at least 320" in problem.message
    assert planned(width=200, height=20, size={"long_edge": 320}).height == 32


def test_a_picture_that_is_too_narrow_at_any_size_is_refused_as_such() -> None:
    for fields in ({}, {"size": {"long_edge": 64}}):
        (problem,) = problems(width=50_000, height=1, **fields)
        assert problem.field == "size.long_edge"
        assert problem.message.endswith("crop its longer side to at most 2048 times the shorter")
    assert planned(width=1, height=2048, size={"long_edge": 65_536}).width == 32
    # The proportions count, not what rounding leaves of the shorter side.
    (problem,) = problems(width=40, height=2000, size={"long_edge": 16})
    assert problem.message.endswith("ask for a long edge of at least 1600")
    (problem,) = problems(width=None, height=None, size={"long_edge": 16, "aspect": 20.0})
    assert problem.message.endswith("ask for a long edge of at least 640")


def test_outputs_have_a_largest_size_that_the_refusal_tells() -> None:
    def sized(edge: int, width: int = 4000, height: int = 3000) -> Plan:
        spec = SPEC.validate_python({"kind": "dream", "input": ASSET, "size": {"long_edge": edge}})
        return plan(spec, card=card("motifnet"), width=width, height=height, bounds=Bounds(pixels=400_000_000))

    with pytest.raises(SpecError) as caught:
        sized(40_000)
    (problem,) = caught.value.problems
    assert problem.field == "size.long_edge"
    assert problem.message == (
        "the output would be 40000 × 30000 pixels, 1,200.0 megapixels; up to 400.0 are taken: "
        "ask for a long edge of at most 23094"
    )
    for width, height in ((4000, 3000), (3000, 4000), (1000, 1000), (5000, 499), (4001, 2999)):
        with pytest.raises(SpecError) as caught:
            sized(65_536, width, height)
        largest = int(caught.value.problems[0].message.rsplit(" ", 1)[1])
        found, more = (planned(width, height, size={"long_edge": edge}) for edge in (largest, largest + 1))
        assert found.width * found.height <= 400_000_000 < more.width * more.height
    # What was taken before can be planned again, whatever is taken now.
    assert planned(4000, 3000, size={"long_edge": 40_000}).width == 40_000


@pytest.mark.parametrize("kind", ["dream", "style"])
def test_pictures_of_144_megapixels_are_taken(kind: str) -> None:
    spec = SPEC.validate_python(
        {"kind": kind, "size": {"long_edge": 12_000}}
        | ({"content": ASSET, "styles": [{"asset": ASSET}]} if kind == "style" else {"input": ASSET})
    )
    bounds = Bounds(pixels=Settings().max_output_pixels)
    assert plan(spec, card=card("motifnet"), width=600, height=600, bounds=bounds).height == 12_000


def test_all_unknown_names_are_reported_with_their_fields() -> None:
    found = problems(
        objective=[{"layer": "mixed4x"}, {"layer": "logits", "channel": "eyes"}, {"layer": "mixed4c", "channel": 2560}]
    )
    assert [p.field for p in found] == ["objective.0.layer", "objective.1.channel", "objective.2.channel"]
    assert "did you mean 'mixed4" in found[0].message
    assert "did you mean 'eye'" in found[1].message
    assert [p.field for p in problems(kind="style", style_layers=[{"layer": "conv2d0"}, {"layer": "conv1_1"}])] == [
        "style_layers.1.layer"
    ]


def test_channels_are_numbers_or_names_and_texts_stay_texts() -> None:
    def chosen(channel: Any) -> Any:
        return Objective(layer="logits", channel=channel).channel

    assert (chosen("10"), chosen(10), chosen("eye"), chosen(None)) == ("10", 10, "eye", None)
    assert problems(objective=[{"layer": "mixed4c", "channel": "2560"}])[0].field == "objective.0.channel"
    for wrong in (True, 1.0, [1], "1" * 5000):
        with pytest.raises(ValidationError) as caught:
            planned(objective=[{"layer": "logits", "channel": wrong}])
        assert {p.field for p in problems_of(caught.value, AnySpec)} == {"objective.0.channel"}


def test_a_class_called_like_another_ones_number_is_found_by_its_name() -> None:
    classes = card("motifnet").find_layer("logits").model_copy(update={"channel_names": ("10", "eye")})
    (term,) = SPEC.validate_python({"kind": "dream", "objective": [{"layer": "logits", "channel": "10"}]}).objective
    assert term.channel is not None
    assert classes.find_channel(term.channel) == 0


def test_a_dream_without_a_goal_is_refused() -> None:
    assert [p.field for p in problems(objective=[{"layer": "mixed4c", "weight": 0.0}])] == ["objective"]


@pytest.mark.parametrize(("normalise", "faint"), [("mean_abs", 9e-5), ("std", 1e-9), ("laplacian", 9e-7)])
def test_a_dream_whose_weights_are_lost_in_normalising_is_refused(normalise: str, faint: float) -> None:
    def dream(*weights: float) -> dict[str, Any]:
        terms = [{"layer": "mixed4c", "channel": i, "weight": weight} for i, weight in enumerate(weights)]
        return {"kind": "dream", "objective": terms, "gradient": {"normalise": normalise}}

    for weights in ((faint,), (-faint, 0.0)):
        with pytest.raises(ValidationError, match=f"too small, at most {faint:g}: .* about 1"):
            SPEC.validate_python(dream(*weights))
    whole = SPEC.validate_python(dream(faint, 1.0))
    assert whole.objective[0].weight == faint
    stored = whole.model_copy(update={"objective": whole.objective[:1]}).model_dump_json()
    assert stored_spec(stored).objective[0].weight == faint


def test_style_transfers_are_always_exact() -> None:
    assert [p.field for p in problems(kind="style", tiling={"mode": "roll"})] == ["tiling.mode"]


def test_tiles_hold_the_halo_and_obey_the_limit() -> None:
    layer = [{"layer": "mixed4c"}]
    whole = planned(objective=layer).octaves[-1]
    assert (whole.tiles, whole.tile) == (1, 640)
    big = planned(objective=layer, size={"long_edge": 4096}, octaves={"count": 1}).octaves[-1]
    assert big.tiles > 1
    assert big.tile <= 2048
    halved = planned(objective=layer, size={"long_edge": 4096}, octaves={"count": 1}, limit=640).octaves[-1]
    assert halved.tile <= 640
    assert halved.tiles > big.tiles
    tiny = planned(objective=layer, tiling={"tile": 64}, octaves={"count": 1}, size={"long_edge": 2000})
    assert tiny.octaves[-1].tile >= 304
    assert tiny.notes == ("tile 64 enlarged to 608: a tile has to hold the halo of these layers",)


def test_tiles_too_small_to_be_rendered_are_refused_with_a_size_that_does() -> None:
    fields = {"kind": "dream", "objective": [{"layer": "conv2d0"}], "octaves": {"count": 2}}
    bounds = Bounds(pixels=400_000_000)

    def cut_into(tile: int, **more: Any) -> int:
        spec = SPEC.validate_python(fields | {"size": {"long_edge": 20_000}, "tiling": {"tile": tile, **more}})
        return plan(spec, card=card("motifnet"), width=None, height=None, bounds=bounds).octaves[-1].tiles

    for more in ({}, {"mode": "roll"}):
        with pytest.raises(SpecError, match="up to 10,000 are taken: ask for a tile of 256, or leave") as caught:
            cut_into(32, **more)
        assert [p.field for p in caught.value.problems] == ["tiling.tile"]
        assert 2_500 < cut_into(256, **more) <= 10_000


def test_plans_of_thousands_of_tiles_take_no_room() -> None:
    common: dict[str, Any] = {
        "objective": [{"layer": "conv2d0"}],
        "octaves": {"count": 16, "scale": 1.05},
        "size": {"long_edge": 65_536},
        "tiling": {"tile": 32},
    }
    planned(None, None, **common)
    tracemalloc.start()
    try:
        plans = [planned(None, None, **common, iterations=n) for n in range(2, 52)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert plans[0].octaves[-1].tiles > 4_000_000
    assert held < 50 * 20_000


@pytest.mark.parametrize("fields", [{}, {"tiling": {"mode": "roll"}}, {"kind": "style"}])
def test_plans_count_the_tiles_that_are_rendered(fields: dict[str, Any]) -> None:
    for edge in (300, 1500, 5001):
        for octave in planned(size={"long_edge": edge}, **fields).octaves:
            lengths = [[span.stop - span.start for span in spans] for spans in (octave.rows, octave.columns)]
            assert octave.tiles == len(lengths[0]) * len(lengths[1])
            assert octave.tile == max(map(max, lengths))
            assert octave.seen == sum(lengths[0]) * sum(lengths[1])


def test_memory_does_not_grow_with_the_picture_beyond_the_picture() -> None:
    # Both of many tiles, which differ in size a little.
    small, large = (planned(size={"long_edge": edge}) for edge in (8192, 30000))
    pixels = large.width * large.height - small.width * small.height
    assert large.peak_bytes - small.peak_bytes <= 40 * pixels


def test_a_picture_that_fits_is_one_tile_and_has_the_memory_of_all() -> None:
    layer = [{"layer": "mixed4c"}]

    def sides(edge: int, **machine: Any) -> tuple[int, int]:
        octave = planned(edge, edge, objective=layer, octaves={"count": 1}, machine=Machine(**machine)).octaves[-1]
        return octave.tiles, octave.tile

    assert sides(1280) == (1, 1280)
    floats = card("motifnet").find_layer("mixed4c").floats_per_pixel
    memory = int(1024**2 * floats * 4 * ACTIVATION_COPIES)
    assert sides(1400, parallel=2, tile_bytes=memory) == (1, 1408)
    tiles, side = sides(1500, parallel=2, tile_bytes=memory)
    assert tiles > 1
    assert side <= 1024
    # Each GPU has its own.
    tiles, side = sides(1400, parallel=2, tile_bytes=memory, gpu=True)
    assert tiles > 1
    assert side <= 1024


def test_tiles_fit_into_the_memory_there_is() -> None:
    fields: dict[str, Any] = {"objective": [{"layer": "mixed3b"}], "size": {"long_edge": 6000}}
    for gpu in (False, True):
        sides = [
            planned(**fields, machine=Machine(gpu=gpu, tile_bytes=memory)).octaves[-1].tile
            for memory in (2**26, 2**28, 2**30, 2**36)
        ]
        assert sides == sorted(sides)
        assert sides[0] < sides[2]
    floats = card("motifnet").find_layer("mixed3b").floats_per_pixel
    tile = planned(**fields, machine=Machine(gpu=True, tile_bytes=2**30)).octaves[-1].tile
    assert tile**2 * floats * 4 <= 2**30


def test_activations_of_a_style_transfer_are_kept_where_they_fit() -> None:
    small, large = (planned(kind="style", size={"long_edge": edge}) for edge in (800, 6000))
    assert all(octave.keep for octave in small.octaves)
    assert not large.octaves[-1].keep
    assert not any(octave.keep for octave in planned().octaves)  # a dream needs one pass anyway
    per_pixel = [p.flops / p.mpit for p in (small, large)]
    assert per_pixel[1] > 1.3 * per_pixel[0]


def cut_of(octave: OctavePlan) -> tuple[object, ...]:
    return octave.rows, octave.columns, octave.tiles, octave.tile, octave.keep


#: Machines on which pictures of a thousand pixels are cut in one way or another, or not at all.
MACHINES = [Machine(parallel=2, tile_bytes=mb * 10**6, kept_bytes=kept) for mb in (20, 60, 400) for kept in (0, 2**31)]


@pytest.mark.parametrize(
    "fields",
    [{}, {"kind": "style"}, {"tiling": {"mode": "fast"}}, {"tiling": {"mode": "roll"}}, {"tiling": {"tile": 300}}],
    ids=str,
)
def test_a_plan_is_cut_as_another_was_whatever_the_machine(fields: dict[str, Any]) -> None:
    for limit in (None, 200):
        for width, height in ((1200, 900), (700, 1100), (2500, 333)):
            made = [planned(width, height, limit, machine, **fields) for machine in MACHINES]
            for before in made:
                cuts = tuple(octave.cut for octave in before.octaves)
                again = planned(width, height, cuts=cuts, **fields)
                assert [cut_of(octave) for octave in again.octaves] == [cut_of(octave) for octave in before.octaves]


def test_given_cuts_are_held_within_what_can_be() -> None:
    chosen = planned(machine=MACHINES[0])
    count = len(chosen.octaves)
    # Of another number of octaves, or longer than tiles may be now, they do not count.
    assert planned(machine=MACHINES[0], cuts=(Cut(400, keep=True),)) == chosen
    limited = planned(limit=200, machine=MACHINES[0])
    assert planned(limit=200, machine=MACHINES[0], cuts=(Cut(4096),) * count) == limited
    # A tile that would own nothing is enlarged, as one that is asked for is.
    assert planned(cuts=(Cut(1),) * count).octaves == planned(tiling={"tile": 32}).octaves


@pytest.mark.parametrize("wish", [8192, 2048])
@pytest.mark.parametrize("kind", ["dream", "style"])
def test_no_tile_is_larger_than_the_memory_that_there_is(kind: str, wish: int) -> None:
    """Given a wish, or tiles of a larger machine, they are made to fit, and whoever wished is told."""
    narrow = Machine(tile_bytes=300_000_000, memory=6_000_000_000)
    free = planned(5000, 5000, kind=kind, tiling={"tile": wish})
    bounded = planned(5000, 5000, kind=kind, tiling={"tile": wish}, machine=narrow)
    assert bounded.peak_bytes <= 6_000_000_000
    if free.peak_bytes <= 6_000_000_000:
        assert bounded.octaves[-1].tile == free.octaves[-1].tile
        assert bounded.notes == free.notes
    else:
        assert f"tile {wish} made {bounded.octaves[-1].tile}" in bounded.notes[-1]
    again = planned(5000, 5000, kind=kind, cuts=tuple(octave.cut for octave in free.octaves), machine=narrow)
    assert again.peak_bytes <= 6_000_000_000


def test_memory_grows_with_what_is_kept_of_content_and_masks() -> None:
    """Features of the first layers take more room than everything else, and each mask has its place."""

    def peak(**fields: Any) -> int:
        return planned(4000, 3000, kind="style", octaves={"count": 1}, **fields).peak_bytes

    pixels = 4000 * 3000
    deep, shallow = (peak(content_layers=[{"layer": layer}]) for layer in ("mixed4c", "conv2d0"))
    first = card("motifnet").find_layer("conv2d0")
    # float32 at each cell, where 16 bytes a pixel were enough before.
    assert (shallow - deep) / pixels == pytest.approx(4 * first.channels / first.stride**2 - 16, abs=1)
    one, three = (peak(styles=[{"asset": ASSET, "mask": ASSET}] * count) for count in (1, 3))
    assert 8 <= (three - one) / pixels < 16
    assert one > peak()


def test_a_picture_that_does_not_fit_by_itself_is_not_cut_to_pieces() -> None:
    narrow = Machine(tile_bytes=300_000_000, memory=100_000_000)
    assert (
        planned(5000, 5000, machine=narrow).octaves == planned(5000, 5000, machine=replace(narrow, memory=None)).octaves
    )


def test_every_style_is_measured_once_for_each_octave() -> None:
    one, three = (
        planned(kind="style", styles=[{"asset": ASSET}] * count, iterations=1, octaves={"count": 1}) for count in (1, 3)
    )
    values = one.flops / 4  # of the picture; its gradient; of content and style
    assert three.flops == pytest.approx(one.flops + 2 * values)


def test_comparing_with_a_guide_costs_for_each_cell_and_each_of_the_guides() -> None:
    fields: dict[str, Any] = {"objective": [{"layer": "conv2d0"}], "octaves": {"count": 1}, "iterations": 3}
    alone, guided = planned(**fields), planned(**fields, guide=ASSET)
    layer = card("motifnet").find_layer("conv2d0")
    cells, known = 640 * 480 / layer.stride**2, 256**2 / layer.stride**2
    assert guided.flops == pytest.approx(alone.flops + 3 * 2 * cells * known * layer.channels)
    terms = [{"layer": "conv2d0", "statistic": "guided"}] * 2
    twice = planned(**fields | {"objective": terms}, guide=ASSET)
    assert twice.flops - guided.flops == pytest.approx(guided.flops - alone.flops)


def test_fast_tiles_see_less_and_cost_less() -> None:
    fields: dict[str, Any] = {"objective": [{"layer": "mixed4c"}], "size": {"long_edge": 3000}}
    exact, fast, faster = (
        planned(**fields, tiling=tiling) for tiling in ({}, {"mode": "fast"}, {"mode": "fast", "halo": 32})
    )
    assert faster.flops < fast.flops < exact.flops
    with pytest.raises(ValidationError, match="a halo can be chosen for fast tiling only"):
        planned(tiling={"mode": "exact", "halo": 32})


def test_deeper_layers_and_larger_pictures_cost_more() -> None:
    shallow = planned(objective=[{"layer": "conv2d0"}])
    deep = planned(objective=[{"layer": "mixed5a"}])
    larger = planned(objective=[{"layer": "mixed5a"}], size={"long_edge": 2560})
    assert shallow.flops < deep.flops < larger.flops
    assert estimate_seconds(deep, 1e11) == deep.flops / 1e11
    assert shallow.mpit == deep.mpit


@pytest.mark.parametrize("preset", DREAM_PRESETS)
def test_every_dream_preset_can_be_planned_on_motifnet(preset: str) -> None:
    assert planned(preset=preset).steps > 0


@pytest.mark.parametrize("preset", STYLE_PRESETS)
def test_every_style_preset_can_be_planned_on_motifnet(preset: str) -> None:
    assert planned(kind="style", preset=preset).steps > 0
