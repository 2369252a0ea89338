"""The workbench: a job's rendering, restored from its checkpoint or still lying there from the last slice."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from shared.blobs import BlobMissing
from shared.cards import card
from shared.pictures import Picture, PictureError, decode, rendered_from
from shared.plan import Plan, plan
from shared.specs import DreamSpec, StyleSpec, assets_of, source_of, stored_spec
from shared.storage_mark import require_mounted
from shared.store.assets import blob_key
from shared.store.tables import Job
from worker import checkpoints
from worker.context import Context
from worker.machine import machine
from worker.networks import load
from worker.networks.network import Network
from worker.patience import StorageAway, storage
from worker.render import Mismatch, Rendering, begin, cuts_of, forget, resume

log = logging.getLogger(__name__)

Read = TypeVar("Read")


@dataclass(frozen=True)
class Work:
    """A job on the bench."""

    spec: DreamSpec | StyleSpec
    plan: Plan
    network: Network
    rendering: Rendering
    #: The picture that the output takes its transparency and colour profile from.
    original: Picture | None

    @property
    def icc(self) -> bytes | None:
        """The profile of the rendering's colours; None for sRGB."""
        return None if self.original is None else self.original.icc


#: Networks that are kept: fair turns may alternate between the jobs of as many, and each takes seconds to start.
_NETWORKS = 3


class Bench:
    """Keeps the last job and the last networks warm, for the slices that follow."""

    def __init__(self, context: Context) -> None:
        self._context = context
        #: By name, the latest last.
        self._networks: dict[str, Network] = {}
        #: ID, checkpoint, largest tile and network of the job on the bench.
        self._job: tuple[str, str | None, int | None, str] | None = None
        self._work: Work | None = None
        #: Seconds that the last checkpoint took to save.
        self.saving_seconds = 0.0

    @property
    def tile(self) -> int | None:
        """The largest tile side of the job on the bench."""
        return None if self._work is None else max(octave.tile for octave in self._work.plan.octaves)

    def open(self, job: Job) -> Work:
        """The job's rendering at its checkpoint.

        Raises:
            BlobMissing, PictureError, SpecError: an input is gone or cannot be rendered.
            UnknownModel, BadWeights: this worker does not have the network.
            StorageAway: an input or the checkpoint cannot be fetched.
        """
        limits = (job.tile_limit, self._context.settings.tile)
        tile_limit = min((limit for limit in limits if limit is not None), default=None)
        wanted = (job.id, job.checkpoint, tile_limit, card(job.model).digest)
        if self._work is None or self._job != wanted:
            self.clear()
            self._work = self._restore(job, tile_limit)
        self._job = wanted
        return self._work

    def saved(self, checkpoint: str) -> None:
        """The job on the bench stands at this checkpoint now."""
        if self._job is not None:
            self._job = (self._job[0], checkpoint, *self._job[2:])

    def clear(self) -> None:
        """Put the job away: it is finished, or stands where no checkpoint is."""
        self._job = self._work = None

    def _restore(self, job: Job, tile_limit: int | None) -> Work:
        spec = stored_spec(job.spec)
        pictures = {field: self._picture(asset) for field, asset in assets_of(spec).items()}
        original = pictures.get(source_of(spec) or "")
        height, width = (None, None) if original is None else original.rgb.shape[:2]
        share = machine(max(1, self._context.settings.workers))
        network = self._load(spec.model)
        inputs = rendered_from(pictures)
        state = self._checkpoint(job)
        # Another worker, with other memory, would choose other tiles, and round the last bits otherwise.
        cuts = () if state is None else cuts_of(state)
        planned = plan(
            spec, card=card(spec.model), width=width, height=height, tile_limit=tile_limit, machine=share, cuts=cuts
        )
        if state is not None:
            try:
                rendering = resume(spec, planned, network, inputs, state)
                return Work(spec, planned, network, rendering, original)
            except Mismatch as error:
                log.warning("job %s starts over: %s", job.id, error)
        return Work(spec, planned, network, begin(spec, planned, network, inputs), original)

    def _load(self, model: str) -> Network:
        found = self._networks.pop(model, None)
        # A model that was registered anew has another card.
        if found is None or found.card != card(model):
            if found is not None or len(self._networks) == _NETWORKS:
                # What was compiled holds on to its network. That of the others is compiled again when they come back.
                if len(self._networks) == _NETWORKS:
                    self._networks.pop(next(iter(self._networks)))
                forget()
            found = load(model, folder=self._context.settings.networks)
        self._networks[model] = found
        return found

    def _picture(self, asset: str) -> Picture:
        with storage():
            data = self._found("assets", lambda: self._context.blobs.get(blob_key(asset)))
        if hashlib.sha256(data).hexdigest() != asset.removeprefix("sha256:"):
            raise PictureError(f"the stored picture {asset} is damaged; upload it again, then resume the job")
        return decode(data, self._context.settings.limits)

    def _checkpoint(self, job: Job) -> Mapping[str, NDArray[Any]] | None:
        if job.checkpoint is None:
            return None
        try:
            key = job.checkpoint
            with storage():
                return self._found("jobs", lambda: checkpoints.restore(self._context.blobs, key))
        except (BlobMissing, checkpoints.Unreadable) as error:
            log.warning("job %s starts over: %s", job.id, error)
            return None

    def _found(self, kind: str, read: Callable[[], Read]) -> Read:
        """What is read; a blob that is missing was lost only where others of its kind are, and in the farm's own storage.

        Raises:
            BlobMissing: it is missing.
            StorageAway, OSError: so are all others, or this is another place.
        """
        try:
            return read()
        except BlobMissing as missing:
            if self._context.blobs.has_ever_had(kind):
                require_mounted(self._context.store, self._context.blobs, kind)
                raise
            place = self._context.settings.blobs
            raise StorageAway(f"there are no {kind} at all in {place}: is it mounted, and spelt rightly?") from missing
