"""A network's topology as data: what is computed from what, and what that means for tiles.

Nothing here needs TensorFlow: receptive fields, strides and costs follow from kernels, strides and paddings alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Kind = Literal["conv", "relu", "max_pool", "avg_pool", "lrn", "concat", "add"]
Padding = Literal["same", "valid"]

#: Name of the network's input, the preprocessed picture.
INPUT = "input"


@dataclass(frozen=True)
class Op:
    """One operation. A convolution includes its bias."""

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    #: Channels of the result.
    channels: int
    #: Height of the kernel.
    kernel: int = 1
    stride: int = 1
    padding: Padding = "same"
    #: Width of a kernel that is not square (then stride 1 and padding `same`).
    width: int | None = None
    #: Of `lrn`, local response normalisation over channels: depth radius, bias, alpha, beta.
    parameters: tuple[float, ...] = ()

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return self.kernel, self.width or self.kernel

    def padding_before(self, side: int) -> int:
        """Positions added before an input whose length is a multiple of the stride, for a kernel side."""
        return max(side - self.stride, 0) // 2 if self.padding == "same" else 0

    def length(self, length: int) -> int:
        """Side of the result for an input of side `length`."""
        if self.padding == "same":
            return -(-length // self.stride)
        return (length - self.kernel) // self.stride + 1


@dataclass(frozen=True)
class Field:
    """Where a layer's cells look: cell i sees the pixels [i·stride − left, (i+1)·stride + right)."""

    stride: int
    left: int
    right: int

    @property
    def receptive_field(self) -> int:
        """Side of the square of pixels that one cell sees."""
        return self.stride + self.left + self.right


@dataclass(frozen=True)
class Graph:
    """Operations in the order of computation, each after its inputs."""

    ops: tuple[Op, ...]

    @classmethod
    def from_json(cls, ops: Iterable[Mapping[str, Any]]) -> Graph:
        """The graph of a topology file's `ops`."""

        def read(op: Mapping[str, Any]) -> Op:
            fields: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in op.items()
            }
            return Op(**fields)

        return cls(tuple(map(read, ops)))

    @cached_property
    def by_name(self) -> dict[str, Op]:
        """The operations by name."""
        return {op.name: op for op in self.ops}

    def ancestors(self, names: Iterable[str]) -> tuple[Op, ...]:
        """What has to be computed for the named results, in order."""
        wanted = set(names)
        for op in reversed(self.ops):
            if op.name in wanted:
                wanted.update(op.inputs)
        return tuple(op for op in self.ops if op.name in wanted)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Each result's stride and overhang; of height and width, the larger overhang."""
        vertical, horizontal = self._fields(0), self._fields(1)
        return {
            name: Field(v.stride, max(v.left, horizontal[name].left), max(v.right, horizontal[name].right))
            for name, v in vertical.items()
        }

    def _fields(self, axis: int) -> dict[str, Field]:
        """Each result's stride and overhang along one axis, walked from the input on."""
        fields = {INPUT: Field(stride=1, left=0, right=0)}
        for op in self.ops:
            inputs, side = [fields[name] for name in op.inputs], op.sides[axis]
            before, stride = op.padding_before(side), inputs[0].stride
            left = max(f.left for f in inputs) + before * stride
            right = max(f.right for f in inputs) + (side - op.stride - before) * stride
            fields[op.name] = Field(stride=stride * op.stride, left=left, right=max(right, 0))
        return fields

    def length(self, name: str, pixels: int) -> int:
        """Side of the named result for a picture whose side is `pixels`."""
        if name == INPUT:
            return pixels
        op = self.by_name[name]
        return op.length(self.length(op.inputs[0], pixels))

    def channels(self, name: str) -> int:
        """Channels of the named result."""
        return 3 if name == INPUT else self.by_name[name].channels

    def macs_per_pixel(self, name: str) -> float:
        """Multiply-adds per pixel of the picture, from the input up to the named result."""
        return sum(
            math.prod(op.sides) * self.channels(op.inputs[0]) * op.channels / self.fields[op.name].stride ** 2
            for op in self.ancestors([name])
            if op.kind == "conv"
        )

    def floats_per_pixel(self, name: str) -> float:
        """Numbers per pixel of the picture in all results up to the named one: what a gradient has to remember."""
        return sum(op.channels / self.fields[op.name].stride ** 2 for op in self.ancestors([name]))
