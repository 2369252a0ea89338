"""A training in its folder: steps, looks at pictures kept aside, checkpoints. Importing it starts Keras' backend."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from worker.networks.motifnet.making.config import BUNDLED, Config
from worker.networks.motifnet.making.curves import curves
from worker.networks.motifnet.making.data import Batch, Reader, draw, drawing, held_out, programs
from worker.networks.motifnet.making.network import build
from worker.networks.motifnet.making.progress import Progress
from worker.networks.motifnet.making.step import State, Trainer
from worker.networks.motifnet.making.wider import take_narrower
from worker.networks.motifnet.making.world import CLASSES

#: The watched pictures' seed, far from those that are trained on.
_WATCHED_SEED = 900_001
#: That of the pictures over which the bundled network's normalisation is found again.
_SOUNDING_SEED = 900_002


class Training:
    """One training in its folder."""

    def __init__(self, config: Config, folder: Path, before: Path | None = None) -> None:
        """A training that is new, or goes on in its folder; a new one starts from the weights of the one in `before`, or of
        the bundled network.

        Raises SystemExit when the folder holds a training of another configuration, or `before` another network.
        """
        self.config, self.folder = config, folder
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / "config.json"
        if known.exists() and Config.read(known) != config:
            raise SystemExit(f"{folder} holds a training of another configuration: name another folder, or delete it")
        config.save(known)
        (folder / "motifs.txt").write_text(" ".join(CLASSES) + "\n")
        keras.utils.set_random_seed(config.seed)
        model = _model(config)
        if before == Path(BUNDLED):
            # Not above: it needs TensorFlow, which a machine that only trains may not have.
            from worker.networks.motifnet.making.bundled import bundled_width, take_bundled

            narrow = _model(replace(config, width=bundled_width(), precision="float32"))
            take_bundled(narrow, held_out(config, 2, seed=_SOUNDING_SEED).pictures)
            _take_weights(model, narrow, "motifnet")
        elif before is not None:
            _take_weights(model, _trained(before), str(before))
            (folder / "before.json").write_text((before / "config.json").read_text())
        self.trainer = Trainer(model, config)
        self.state, self.done = self.trainer.state(), 0
        self.history: list[dict[str, float]] = []
        if (folder / "checkpoint.npz").exists():
            self._restore()

    def run(self, reader: Reader, watched: Batch, *, until: int | None = None) -> None:
        """Trains up to step `until`, or to the end, and saves the model."""
        last = self.config.steps if until is None else min(until, self.config.steps)
        progress = Progress("training", self.config.steps, done=self.done)
        started = time.monotonic()
        # Looked at only when they are told: until then the device can run ahead.
        seen: list[tuple[Any, Any]] = []
        for batch in reader.batches(self.done, last):
            radius = np.float32(self.config.norm(self.done / self.config.steps))
            rate, number = np.float32(self.config.rate(self.done)), np.float32(self.done + 1)
            attacking = self.trainer.half_step if self.config.spoils(self.done) else self.trainer.step
            step = attacking if radius else self.trainer.plain_step
            self.state, loss, accuracy = step(self.state, batch.pictures, batch.shares, radius, rate, number)
            self.done += 1
            seen.append((loss, accuracy))
            progress.advance(1, lambda: "loss {:.3f}  accuracy {:.1%}".format(*_means(seen)))
            if self.done % self.config.every == 0 or self.done == last:
                self._record(_means(seen), float(radius), time.monotonic() - started, watched)
                started = time.monotonic()
                seen.clear()
        self.trainer.store(self.state)
        finished = _model(replace(self.config, precision="float32"))
        finished.set_weights(self.trainer.model.get_weights())
        finished.save(self.folder / "model.keras")

    def _record(self, means: NDArray[np.float64], radius: float, seconds: float, watched: Batch) -> None:
        """A line of the history, the curves and a checkpoint. Raises SystemExit when the training has exploded."""
        if not np.isfinite(means).all():
            raise SystemExit(f"the loss is not finite at step {self.done}: lower `learning_rate`")
        clean, attacked = self._look(watched)
        self.history.append(
            {
                "step": self.done,
                "loss": float(means[0]),
                "accuracy": float(means[1]),
                "radius": radius,
                "seconds": seconds,
                "watched": clean,
                "watched_attacked": attacked,
            }
        )
        print(f"step {self.done}: watched pictures {clean:.1%}, attacked {attacked:.1%}", flush=True)
        (self.folder / "history.json").write_text(json.dumps(self.history, indent=1) + "\n")
        curves(self.history).save(self.folder / "curves.png")
        arrays = {
            f"{name}/{i:04d}": ops.convert_to_numpy(a)
            for name, part in self.state._asdict().items()
            for i, a in enumerate(part)
        }
        unfinished = self.folder / "unfinished.npz"
        np.savez(unfinished, done=self.done, **arrays)
        unfinished.replace(self.folder / "checkpoint.npz")

    def _restore(self) -> None:
        with np.load(self.folder / "checkpoint.npz") as saved:
            groups = {
                name: [ops.convert_to_tensor(saved[key]) for key in sorted(saved.files) if key.startswith(f"{name}/")]
                for name in State._fields
            }
            self.done = int(saved["done"])
        self.state = State(**groups)
        self.history = json.loads((self.folder / "history.json").read_text())
        print(f"going on from step {self.done}", flush=True)

    def _look(self, watched: Batch) -> tuple[float, float]:
        """Accuracy on the watched pictures: as they are, and attacked with the full radius."""
        right, fooled, size = 0, 0, self.config.batch
        full = np.float32(self.config.norm(1.0))
        for first in range(0, len(watched.pictures) // size * size, size):
            pictures, shares = watched.pictures[first : first + size], watched.shares[first : first + size]
            attacked = self.trainer.attack(self.state, pictures, shares, full)
            truth = shares.argmax(axis=1)
            right += int((self._named(pictures) == truth).sum())
            fooled += int((self._named(attacked) == truth).sum())
        seen = max(len(watched.pictures) // size * size, 1)
        return right / seen, fooled / seen

    def _named(self, pictures: Any) -> Any:
        return ops.convert_to_numpy(self.trainer.logits(self.state, pictures)).argmax(axis=1)


def _model(config: Config) -> keras.Model:
    """A new model of that configuration."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if config.precision == "bfloat16" else "float32")
    try:
        return build(len(CLASSES), config.width, config.deepest, activation=config.activation, pools=config.pools)
    finally:
        keras.config.set_dtype_policy(policy)


def _trained(before: Path) -> keras.Model:
    """What a training made. Raises SystemExit when it knows other motifs."""
    if (before / "motifs.txt").read_text().split() != list(CLASSES):
        raise SystemExit(f"{before} holds a network that knows other motifs")
    return keras.models.load_model(before / "model.keras", compile=False)


def _take_weights(model: keras.Model, before: keras.Model, name: str) -> None:
    """Gives `model` the weights of the one before. Raises SystemExit when that is wider, or of another depth."""
    try:
        take_narrower(model, before)
    except ValueError as error:
        raise SystemExit(
            f"{name} is another network: it has to be as wide or narrower, and as deep ({error})"
        ) from error


def _means(seen: Sequence[tuple[Any, Any]]) -> NDArray[np.float64]:
    return np.asarray(np.mean([[float(number) for number in numbers] for numbers in seen], axis=0))


def train(
    config: Config,
    folder: Path,
    cache: Path,
    processes: int,
    *,
    until: int | None = None,
    before: Path | None = None,
) -> Training:
    """Draws what is missing, trains what is left, and returns the training."""
    what = drawing(config)
    pictures = cache / f"{config.world}-{config.seed}-{config.drawn}-{config.draws}-{programs()[:8]}"
    draw(what, pictures, processes)
    training = Training(config, folder, before)
    watched = held_out(config, config.watched, seed=_WATCHED_SEED)
    training.run(Reader(what, pictures, config), watched, until=until)
    return training
