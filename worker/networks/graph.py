"""A network's topology as data: what is computed from what, and what that means for tiles.

Nothing here needs TensorFlow: receptive fields, strides and costs follow from kernels, strides and paddings alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

Kind = Literal[
    "conv", "depthwise", "scale", "relu", "activation", "pad", "max_pool", "avg_pool", "lrn", "concat", "add"
]
#: Functions of one number, besides ReLU, that stand behind convolutions (kind `activation`).
Function = Literal[
    "relu6", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "silu", "mish", "hard_silu", "hard_sigmoid", "sigmoid",
    "tanh", "softplus", "softsign", "exponential",
]  # fmt: skip
Padding = Literal["same", "valid"]

#: What people dream on: everything that has features of its own.
DREAMT_ON: tuple[Kind, ...] = ("conv", "depthwise", "relu", "activation", "concat", "add")

#: Name of the network's input, the preprocessed picture.
INPUT = "input"


@dataclass(frozen=True)
class Op:
    """One operation. Convolutions include their bias; `scale` multiplies each channel by a factor and adds an offset."""

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
    #: Of `lrn`, local response normalisation over channels: depth radius, bias, alpha, beta. Of `pad`: rows and columns
    #: of zeros before and after. Of `activation`, for `leaky_relu` and `elu`: the slope, or the height, below zero.
    parameters: tuple[float, ...] = ()
    #: Of `activation`.
    function: Function | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return self.kernel, self.width or self.kernel

    def padding_before(self, side: int, length: int = 0) -> int:
        """Positions added before an input of `length` (0: any multiple of the stride), for a kernel side."""
        if self.kind == "pad":
            return int(self.parameters[0])
        if self.padding == "valid":
            return 0
        return max(side - (length % self.stride or self.stride), 0) // 2

    def length(self, length: int) -> int:
        """Side of the result for an input of side `length`."""
        if self.kind == "pad":
            return length + int(sum(self.parameters))
        if self.padding == "same":
            return -(-length // self.stride)
        return (length - self.kernel) // self.stride + 1

    def shortest_input(self, length: int) -> int:
        """The shortest side of an input whose result has at least the side `length`, 1 or more."""
        if self.kind == "pad":
            return max(length - int(sum(self.parameters)), 1)
        return (length - 1) * self.stride + (1 if self.padding == "same" else self.kernel)


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
            name: Field(v.stride, max(v.left, horizontal[name].left), max(v.right, horizontal[name].right, 0))
            for name, v in vertical.items()
        }

    def _fields(self, axis: int) -> dict[str, Field]:
        """Each result's stride and overhang along one axis, walked from the input on.

        Before the end, the right overhang may be negative: strides can skip pixels, and padding moves cells.
        """
        fields = {INPUT: Field(stride=1, left=0, right=0)}
        paddings = self.paddings(axis)
        for op in self.ops:
            inputs, side = [fields[name] for name in op.inputs], op.sides[axis]
            before, stride = paddings[op.name], inputs[0].stride
            left = max(f.left for f in inputs) + before * stride
            right = max(f.right for f in inputs) + (side - op.stride - before) * stride
            fields[op.name] = Field(stride=stride * op.stride, left=left, right=right)
        return fields

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Sides of all results on a large canvas that all strides divide."""
        found = {INPUT: math.prod(op.stride for op in self.ops) * 2**20}
        for op in self.ops:
            found[op.name] = op.length(found[op.inputs[0]])
        return found

    def paddings(self, axis: int) -> dict[str, int]:
        """Positions added before each operation's input along one axis, on a canvas that all strides divide."""
        return {op.name: op.padding_before(op.sides[axis], self.lengths[op.inputs[0]]) for op in self.ops}

    def smallest_picture(self, name: str) -> int:
        """The shortest side of a picture in which the named result has a cell, in pixels."""
        needed = {name: 1}
        for op in reversed(self.ancestors([name])):
            for source in op.inputs:
                needed[source] = max(needed.get(source, 1), op.shortest_input(needed[op.name]))
        return needed[INPUT]

    def length(self, name: str, pixels: int) -> int:
        """Side of the named result for a picture whose side is `pixels`."""
        chain: list[Op] = []
        while name != INPUT:
            chain.append(self.by_name[name])
            name = chain[-1].inputs[0]
        for op in reversed(chain):
            pixels = op.length(pixels)
        return pixels

    def channels(self, name: str) -> int:
        """Channels of the named result."""
        return 3 if name == INPUT else self.by_name[name].channels

    def macs_per_pixel(self, name: str) -> float:
        """Multiply-adds per pixel of the picture, from the input up to the named result."""
        return sum(
            math.prod(op.sides) * self._inputs_per_channel(op) * op.channels / self.fields[op.name].stride ** 2
            for op in self.ancestors([name])
            if op.kind in ("conv", "depthwise")
        )

    @property
    def parameters(self) -> int:
        """Trained numbers in all operations."""
        return sum(
            (math.prod(op.sides) * self._inputs_per_channel(op) + 1) * op.channels
            for op in self.ops
            if op.kind in ("conv", "depthwise", "scale")
        )

    def _inputs_per_channel(self, op: Op) -> int:
        """How many channels of its input each channel of a convolution looks at."""
        return self.channels(op.inputs[0]) if op.kind == "conv" else 1

    def floats_per_pixel(self, name: str) -> float:
        """Numbers per pixel of the picture in all results up to the named one: what a gradient has to remember."""
        return sum(op.channels / self.fields[op.name].stride ** 2 for op in self.ancestors([name]))
