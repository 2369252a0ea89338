"""Rendering in this process, without a farm: the same planner, networks and renderer. Importing it imports TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from numpy.typing import NDArray

from shared.cards import card
from shared.outputs import Manifest, TilingMark, manifest_of, write_output
from shared.pictures import Picture, rendered_from
from shared.pixels import FloatArray, Pixels
from shared.plan import Machine, Plan, plan
from shared.settings import Settings
from shared.specs import DreamSpec, StyleSpec, source_of
from shared.tiles import Cut
from worker.frames import animation_of, frame_bytes
from worker.machine import machine
from worker.networks import load
from worker.networks.network import Network
from worker.recorder import frame_number
from worker.render import OutOfMemory, Progress, Rendering, begin, resume

Spec = DreamSpec | StyleSpec


@dataclass(frozen=True)
class Rendered:
    """What a job became."""

    #: The output before rounding, (H, W, 3) in 0–255.
    rgb: FloatArray
    manifest: Manifest
    #: The picture whose colour profile and transparency the output keeps.
    source: Picture | None
    #: Frames (JPEG files) by number, where they were wanted.
    frames: Mapping[int, bytes]
    animation: bytes | None
    #: Why there is no animation although one was wished, or nothing.
    note: str
    seconds: float

    def write(self, file: BinaryIO) -> None:
        """Write the output, with the manifest inside, to an empty file that can seek."""
        write_output(file, self.rgb, self.manifest, self.source)


@dataclass(frozen=True)
class Bench:
    """A network that renders job after job."""

    network: Network
    #: Largest tile side, where the settings name one.
    tile_limit: int | None

    @classmethod
    def of(cls, model: str, settings: Settings) -> Bench:
        """The bench for a model. Raises shared.cards.UnknownModel, worker.networks.BadWeights."""
        return cls(load(model, folder=settings.networks), settings.tile)

    def render(
        self,
        spec: Spec,
        pictures: Mapping[str, Picture],
        *,
        show: Callable[[Progress], None],
        keep_frames: bool = False,
        like: TilingMark | None = None,
    ) -> Rendered:
        """Render a job. `pictures` as `shared.specs.assets_of` names them; `like` cuts them as they were cut before.

        A tile that does not fit into memory is halved, as on the farm.

        Raises:
            SpecError, PictureError: the job cannot be rendered as it stands; worker.render.RenderError.
        """
        started = time.monotonic()
        frames: dict[int, bytes] = {}
        wants_frames = keep_frames or spec.animation is not None
        inputs = rendered_from(pictures)
        source = pictures.get(source_of(spec) or "")
        icc = None if source is None else source.icc
        on = machine() if like is None else replace(machine(), parallel=like.parallel)
        planned = self._plan(spec, source, on) if like is None else self._plan_like(like, spec, source, on)
        state: Mapping[str, NDArray[Any]] | None = None
        while True:
            rendering = None
            try:
                rendering = self._rendering(spec, planned, inputs, state)
                while not rendering.progress.finished:
                    progress = rendering.advance(_never)
                    show(progress)
                    number = frame_number(progress, spec.frames.every) if wants_frames else None
                    if number is not None:
                        frames[number] = frame_bytes(rendering.picture(), icc)
                rgb, error = rendering.finish(), rendering.tiling_error(_never)
                break
            except OutOfMemory:
                state = state if rendering is None else rendering.state()
                planned = self._smaller(spec, planned, source, on)
        animation, note = _animation(spec, frames, rgb, icc)
        return Rendered(
            rgb=rgb,
            manifest=manifest_of(
                spec,
                planned,
                rgb,
                model_digest=self.network.digest,
                cuts=rendering.cuts.each,
                changed=rendering.cuts.changed,
                tiling_error=error,
            ),
            source=source,
            frames=frames,
            animation=animation,
            note=note,
            seconds=time.monotonic() - started,
        )

    def _rendering(
        self, spec: Spec, planned: Plan, inputs: Mapping[str, Pixels], state: Mapping[str, NDArray[Any]] | None
    ) -> Rendering:
        if state is None:
            return begin(spec, planned, self.network, inputs)
        return resume(spec, planned, self.network, inputs, state)

    def _plan(
        self, spec: Spec, source: Picture | None, on: Machine, cuts: tuple[Cut, ...] = (), limit: int | None = None
    ) -> Plan:
        height, width = (None, None) if source is None else source.rgb.shape[:2]
        described, limit = card(spec.model), limit or self.tile_limit
        return plan(spec, card=described, width=width, height=height, tile_limit=limit, machine=on, cuts=cuts)

    def _plan_like(self, like: TilingMark, spec: Spec, source: Picture | None, on: Machine) -> Plan:
        if like.cuts:
            return self._plan(spec, source, on, like.cuts)
        # Of the longest side the planner mostly makes the same tiles, whatever that was cut from.
        return self._plan(_with_tile(spec, like.tile), source, on)

    def _smaller(self, spec: Spec, planned: Plan, source: Picture | None, on: Machine) -> Plan:
        """The plan with tiles of half the side. Raises OutOfMemory when they cannot be smaller."""
        before = _longest_tile(planned)
        halved = self._plan(spec, source, on, limit=before // 2)
        if _longest_tile(halved) >= before:
            raise OutOfMemory(f"there is not enough memory, even for tiles of {before} pixels; ask for a smaller size")
        return halved


def _with_tile(spec: Spec, tile: int) -> Spec:
    return spec.model_copy(update={"tiling": spec.tiling.model_copy(update={"tile": tile})})


def _longest_tile(planned: Plan) -> int:
    return max(octave.tile for octave in planned.octaves)


def _animation(spec: Spec, frames: Mapping[int, bytes], rgb: FloatArray, icc: bytes | None) -> tuple[bytes | None, str]:
    """The animation, if one is wished and can be made, and a note if it cannot: the output is worth more."""
    kind = spec.animation
    if kind is None:
        return None, ""

    try:
        return animation_of(list(frames), frames.__getitem__, rgb, kind, icc), ""
    except Exception as error:  # noqa: BLE001 - codecs and disks fail in ways of their own
        return None, f"the animation could not be made: {type(error).__name__}: {error}"


def _never() -> None:
    """Nothing interrupts but Ctrl-C, which Python raises by itself."""
