"""Everything that a training depends on, in one place: it is kept with the results."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from worker.networks.motifnet.making.styles import JUDGED, LEARNT, Mix

#: What `--after` calls the network that ships.
BUNDLED = "bundled"


@dataclass(frozen=True, kw_only=True)
class Config:
    """A training. Pictures and batches follow from `seed`; the same configuration goes the same way."""

    seed: int = 1
    #: The world that is drawn: the network's, or the judge's.
    world: Literal["learnt", "judged"] = "learnt"
    #: Side of the pictures that the network sees, in pixels.
    size: int = 96
    #: Pictures are drawn larger by so many pixels and cut at random.
    margin: int = 12
    #: Up to that share of the steps, the network sees pictures of two thirds of that side: more than twice as fast.
    coarse: float = 0.35
    #: Pictures of each motif.
    draws: int = 500
    #: Channels of every layer, as a multiple of the table in `network.py`.
    width: float = 0.6
    #: The mixed layer that the logits look at.
    deepest: str = "mixed5a"
    #: What follows each normalisation.
    activation: Literal["relu", "elu", "silu", "gelu"] = "relu"
    #: What halves maps, and stands in each mixed layer.
    pools: Literal["max", "average"] = "max"
    #: What convolutions are computed in while it is trained; weights and the finished network are float32. bfloat16 is
    #: a third faster on processors with instructions for it, and much slower on others.
    precision: Literal["float32", "bfloat16"] = "float32"

    steps: int = 14_000
    batch: int = 64
    #: At its highest, after the warm-up; from there it falls along a cosine to a hundredth.
    learning_rate: float = 2e-3
    warmup: int = 500
    #: Of the kernels, per step and unit of the learning rate.
    weight_decay: float = 0.05
    #: Gradients of a larger global norm are shortened to it.
    clip_norm: float = 1.0
    label_smoothing: float = 0.05

    #: Radius of the L2 ball of the attacks: root mean square per number of a picture, in grey levels of 0–255.
    #: 2.1 is an L2 norm of 350 for 96×96 pixels. 0 trains without attacks.
    radius: float = 2.1
    #: The radius is 0 up to the first share of the steps, and grows evenly to its full size at the second.
    radius_from: float = 0.35
    radius_to: float = 0.6
    #: Gradient steps of an attack.
    attack_steps: int = 1
    #: From that share of the steps on, only the first half of each batch is attacked and the other half is spoilt
    #: (`spoiling.py`): a quarter less work, and the network gets used to what is not an attack.
    spoilt_from: float = 0.6786
    #: How: in two of five ways at most, or in three of seven.
    spoiling: Literal["mild", "strong"] = "mild"

    #: Pictures kept aside, of each motif, to watch the training with.
    watched: int = 4
    #: Steps between two looks at them, which are also the checkpoints.
    every: int = 500

    @property
    def drawn(self) -> int:
        """Side of the pictures as they are drawn."""
        return self.size + self.margin

    @property
    def mix(self) -> Mix:
        """The world's mix of styles."""
        return LEARNT if self.world == "learnt" else JUDGED

    def norm(self, share: float) -> float:
        """The attacks' L2 radius, in 0–255, when that share (0–1) of the steps is done."""
        grown = (share - self.radius_from) / max(self.radius_to - self.radius_from, 1e-9)
        return self.radius * math.sqrt(3) * self.size * min(max(grown, 0.0), 1.0)

    def spoils(self, step: int) -> bool:
        """Whether step `step` (from 0) attacks one half of its batch and spoils the other."""
        return step >= self.spoilt_from * self.steps

    def rate(self, step: int) -> float:
        """The learning rate of step `step` (from 0)."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        share = (step - self.warmup) / max(self.steps - self.warmup, 1)
        return self.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * min(share, 1.0))) / 2)

    def save(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Config:
        """What `save` wrote."""
        return cls(**json.loads(path.read_text()))


#: motifnet's second and third trainings, each of which goes on from the weights of the one before: on other draws, half
#: attacked and half spoilt, more strongly, from the first step on. The third one has another seed and twice the draws.
FINISH = Config(
    seed=2,
    coarse=0.0,
    steps=5_000,
    learning_rate=1e-3,
    warmup=200,
    radius_from=0.0,
    radius_to=0.0,
    spoilt_from=0.0,
    spoiling="strong",
)

#: motifnet's fourth and last training: as a wider network, on four times the draws, at rates that let it change. The third
#: one names pictures that it was trained with as rarely as others, so that room is what it lacks.
WIDE = replace(
    FINISH, seed=4, draws=2_000, width=1.0, steps=17_000, learning_rate=2e-3, warmup=300, precision="bfloat16"
)

#: The network that judges others: narrower, on smaller pictures, from another seed, on other draws in other styles and
#: colours, and under milder attacks.
JUDGE = Config(seed=1009, world="judged", size=72, margin=8, width=0.5, radius=0.5, draws=300, steps=6_000)

#: The judge's second training, on larger pictures, as motifnet sees them.
JUDGE_FINISH = replace(FINISH, seed=1010, world="judged", width=0.5, radius=0.5, draws=300, steps=4_000)


def changed(config: Config, given: dict[str, Any]) -> Config:
    """`config` with those of its fields that are given and not None."""
    names = {field.name for field in fields(Config)}
    return replace(config, **{name: value for name, value in given.items() if name in names and value is not None})
