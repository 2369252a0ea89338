"""Pictures for training: drawn by many processes ahead of the trainer, kept on disk, cut and mirrored when read."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worker.networks.motifnet.making.config import Config
from worker.networks.motifnet.making.progress import Progress
from worker.networks.motifnet.making.scene import picture
from worker.networks.motifnet.making.spoiling import spoilt
from worker.networks.motifnet.making.styles import Mix
from worker.networks.motifnet.making.world import CLASSES

#: Pictures in one file. Small enough that little is lost when drawing is interrupted.
SHARD = 512
#: Batches that wait for the trainer: reading is uneven.
_AHEAD = 6
#: Modules beside this one that have no part in what is drawn.
_NOT_DRAWING = frozenset(
    [
        "backend",
        "bundled",
        "config",
        "corruptions",
        "curves",
        "data",
        "evaluate",
        "judge",
        "naming",
        "network",
        "progress",
        "sheet",
        "spoiling",
        "step",
        "train",
        "training",
        "wider",
    ]
)


@dataclass(frozen=True)
class Batch:
    """Pictures (B, S, S, 3) uint8, and what is in each: shares (B, K) float32 that add up to 1."""

    pictures: NDArray[np.uint8]
    shares: NDArray[np.float32]


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn: picture i is number i // K of motif i % K."""

    mix: Mix
    seed: int
    size: int
    count: int

    def shard(self, first: int) -> Batch:
        """The pictures from `first` on, a shard's worth at most."""
        numbers = range(first, min(first + SHARD, self.count))
        pictures = np.empty((len(numbers), self.size, self.size, 3), np.uint8)
        shares = np.zeros((len(numbers), len(CLASSES)), np.float32)
        for row, i in enumerate(numbers):
            drawn = picture(self.mix, self.seed, i // len(CLASSES), CLASSES[i % len(CLASSES)], self.size)
            pictures[row] = drawn.rgb
            known = {name: share for name, share in drawn.labels.items() if name in CLASSES}
            for name, share in known.items():
                shares[row, CLASSES.index(name)] = share / sum(known.values())
        return Batch(pictures, shares)


def programs() -> str:
    """SHA-256, hexadecimal, of the programs that draw: pictures of other programs are other pictures."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.stem not in _NOT_DRAWING)).hexdigest()


def drawing(config: Config) -> Drawing:
    """The pictures that a training learns from."""
    return Drawing(config.mix, config.seed, config.drawn, config.draws * len(CLASSES))


def held_out(config: Config, per_motif: int, *, seed: int) -> Batch:
    """`per_motif` pictures of each motif from a seed of their own, of the size that the network sees."""
    count = per_motif * len(CLASSES)
    whole = Drawing(config.mix, seed, config.size, count)
    parts = [whole.shard(first) for first in range(0, count, SHARD)]
    return Batch(np.concatenate([p.pictures for p in parts]), np.concatenate([p.shares for p in parts]))


def draw(what: Drawing, folder: Path, processes: int) -> None:
    """Draws what `folder` does not hold yet, with so many processes. It can be stopped and started again."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [first for first in range(0, what.count, SHARD) if not _path(folder, first, "shares").exists()]
    if not missing:
        return
    left = sum(min(SHARD, what.count - first) for first in missing)
    progress = Progress("drawing", what.count, done=what.count - left)
    # Each process draws on one processor: more threads for its small matrices would only be in each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Processes are spawned: a forked one would hold half of TensorFlow.
    with multiprocessing.get_context("spawn").Pool(processes, os.nice, (5,)) as pool:
        for first in pool.imap_unordered(_Shard(what, folder), missing):
            progress.advance(min(SHARD, what.count - first))
    progress.finish()


@dataclass(frozen=True)
class _Shard:
    """Draws one shard into its files; what a process is sent."""

    what: Drawing
    folder: Path

    def __call__(self, first: int) -> int:
        batch = self.what.shard(first)
        # The shares come last and by renaming: where they are, all is there.
        np.save(_path(self.folder, first, "pictures"), batch.pictures)
        unfinished = self.folder / f"unfinished-{first:08d}.npy"
        np.save(unfinished, batch.shares)
        unfinished.replace(_path(self.folder, first, "shares"))
        return first


def _path(folder: Path, first: int, what: str) -> Path:
    return folder / f"{what}-{first:08d}.npy"


class Reader:
    """Batches from drawn shards. Batch number k is a function of the configuration, so a training can go on at any."""

    def __init__(self, what: Drawing, folder: Path, config: Config) -> None:
        firsts = range(0, what.count, SHARD)
        self._pictures = [np.load(_path(folder, first, "pictures"), mmap_mode="r") for first in firsts]
        self._shares = np.concatenate([np.load(_path(folder, first, "shares")) for first in firsts])
        self._config, self._count = config, what.count
        if self._count < config.batch:
            raise ValueError(f"{self._count} pictures do not fill a batch of {config.batch}: raise `draws`")

    def batch(self, number: int) -> Batch:
        """Batch `number`: every picture once an epoch, each time cut elsewhere and mirrored at random.

        In the first part of a training its pictures are two thirds of their size, in the last one half is spoilt.
        """
        size, margin = self._config.size, self._config.margin
        epoch, place = divmod(number, self._count // self._config.batch)
        chosen = np.sort(self._order(epoch)[place * self._config.batch : (place + 1) * self._config.batch])
        rng = np.random.default_rng((self._config.seed, 2, number))
        # In random order: the attack's radius depends on the place in the batch.
        rng.shuffle(chosen)
        pictures = np.empty((len(chosen), size, size, 3), np.uint8)
        for row, i in enumerate(chosen.tolist()):
            y, x = rng.integers(0, margin + 1, 2)
            cut = self._pictures[i // SHARD][i % SHARD, y : y + size, x : x + size]
            pictures[row] = cut[:, ::-1] if rng.random() < 0.5 else cut
        if number < self._config.coarse * self._config.steps:
            small = (size * 2 // 3, size * 2 // 3)
            boxes = [Image.fromarray(rgb).resize(small, Image.Resampling.BOX) for rgb in pictures]
            pictures = np.stack([np.asarray(image) for image in boxes])
        if self._config.spoils(number):
            for row in range(len(chosen) // 2, len(chosen)):
                pictures[row] = spoilt(pictures[row], rng, strongly=self._config.spoiling == "strong")
        return Batch(pictures, self._shares[chosen])

    @lru_cache(maxsize=1)  # noqa: B019 (there is one reader, as long as its training)
    def _order(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng((self._config.seed, 1, epoch)).permutation(self._count)

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """Batches `first` to `last` (not included), read ahead by a thread."""
        ready: queue.Queue[Batch | BaseException] = queue.Queue(_AHEAD)
        stopped = threading.Event()

        def put(item: Batch | BaseException) -> None:
            while not stopped.is_set():
                with contextlib.suppress(queue.Full):
                    ready.put(item, timeout=0.5)
                    return

        def read() -> None:
            try:
                for number in range(first, last):
                    if stopped.is_set():
                        return
                    put(self.batch(number))
            except BaseException as error:  # noqa: BLE001 (raised again by the reader of the queue)
                put(error)

        thread = threading.Thread(target=read, name="reader", daemon=True)
        thread.start()
        try:
            for _ in range(first, last):
                item = ready.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()
            thread.join()
