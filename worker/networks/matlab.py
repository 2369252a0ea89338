"""A reader of MATLAB's files, version 5, for data from anywhere: what is damaged ends in an error and nothing else.

SciPy reads these files, too, but damaged ones can take the whole process down. Source of the format: MathWorks, "MAT-File
Format", level 5. Numbers, texts, cells and structures are read; objects, functions and sparse matrices are None.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HEADER = 128
#: Numbers in a matrix, matrices in a file and nestings beyond these are no networks.
LARGEST, MOST, DEEPEST = 2**31, 2**18, 32

_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCTURE, _TEXT = 1, 2, 4
_NUMERIC = range(6, 16)


class BadMatlabFile(ValueError):
    """The data are no whole MATLAB file of version 5; the message says why."""


def read(file: Path, most: int) -> dict[str, Any]:
    """The variables: numbers as arrays, texts as str, cells as lists, structures as (lists of) dicts.

    What is compressed may take up `most` bytes, all together.
    Lists run along the first axis first, as MATLAB counts. Raises BadMatlabFile.
    """
    data = file.read_bytes()
    if data[:19] == b"MATLAB 7.3 MAT-file":
        raise BadMatlabFile("it is of version 7.3: save it again with -v7")
    if len(data) < HEADER or data[126:128] not in (b"IM", b"MI"):
        raise BadMatlabFile("it does not begin as one")
    reader = _Reader("<" if data[126:128] == b"IM" else ">", most)
    variables: dict[str, Any] = {}
    at = HEADER
    while at < len(data):
        kind, content, at = reader.element(memoryview(data), at)
        if kind == _COMPRESSED:
            kind, content, _ = reader.element(reader.unpacked(content), 0)
        if kind == _MATRIX:
            name, value = reader.matrix(content, 0)
            variables[name] = value
    return variables


@dataclass
class _Reader:
    #: Byte order, as NumPy writes it.
    order: str
    #: Bytes that may still be unpacked, and matrices that may still come: an empty one is much larger here than there.
    unpackable: int
    matrices: int = MOST

    def unpacked(self, content: memoryview) -> memoryview:
        """What is compressed in an element."""
        unpacking = zlib.decompressobj()
        try:
            # Not 0, which would stand for any length.
            data = unpacking.decompress(content, self.unpackable + 1)
        except zlib.error as error:
            raise BadMatlabFile(f"its compressed part is damaged: {error}") from None
        self.unpackable -= len(data)
        if not unpacking.eof or self.unpackable < 0:
            raise BadMatlabFile("its compressed part was cut off, or is too large")
        return memoryview(data)

    def element(self, data: memoryview, at: int) -> tuple[int, memoryview, int]:
        """Kind and content of the element at a place, and where the next one begins."""
        word, size = (int(n) for n in self._array(data[at : at + 8], "u4", 2))
        if word >> 16:
            # Up to four bytes are kept in the place of their number.
            return word & 0xFFFF, self._cut(data, at + 4, word >> 16, at + 8), at + 8
        end = at + 8 + size
        padded = end if word == _COMPRESSED else at + 8 + -(-size // 8) * 8
        return word, self._cut(data, at + 8, size, end), padded

    def matrix(self, content: memoryview, depth: int) -> tuple[str, Any]:
        """Name and value of a matrix, which everything is."""
        self.matrices -= 1
        if self.matrices < 0:
            raise BadMatlabFile(f"it holds more than {MOST:,} matrices")
        if not content.nbytes:
            return "", np.zeros((0, 0))
        if depth > DEEPEST:
            raise BadMatlabFile(f"it nests more than {DEEPEST} times")
        _, flags, at = self.element(content, 0)
        kind = int(self._array(flags, "u4", 2)[0]) & 0xFF
        _, sides, at = self.element(content, at)
        shape = [int(n) for n in self._array(sides, "i4", sides.nbytes // 4)]
        _, name, at = self.element(content, at)
        count = math.prod(shape)
        if min(shape, default=0) < 0 or count > LARGEST:
            raise BadMatlabFile(f"it claims a matrix of the shape {tuple(shape)}")
        return bytes(name).decode("latin-1"), self._value(kind, shape, content, at, depth)

    def _value(self, kind: int, shape: list[int], content: memoryview, at: int, depth: int) -> Any:
        count = math.prod(shape)
        if kind == _CELL:
            return self._matrices(content, at, count, depth)[0]
        if kind == _STRUCTURE:
            return self._structures(content, at, count, depth)
        if kind == _TEXT:
            stored, characters, _ = self.element(content, at)
            if stored not in _TEXTS:
                raise BadMatlabFile(f"it has a text of the kind {stored}")
            endian = {"<": "-le", ">": "-be"}[self.order] if _TEXTS[stored] in ("utf-16", "utf-32") else ""
            return bytes(characters).decode(_TEXTS[stored] + endian, "replace")
        if kind not in _NUMERIC:
            return None
        stored, numbers, _ = self.element(content, at)
        if stored not in _NUMBERS:
            raise BadMatlabFile(f"it has numbers of the kind {stored}")
        return self._array(numbers, _NUMBERS[stored], count).reshape(shape, order="F")

    def _matrices(self, content: memoryview, at: int, count: int, depth: int) -> tuple[list[Any], int]:
        """So many matrices in a row, and where they end."""
        found = []
        for _ in range(count):
            kind, inner, at = self.element(content, at)
            if kind != _MATRIX:
                raise BadMatlabFile(f"it has an element of the kind {kind} where a matrix belongs")
            found.append(self.matrix(inner, depth + 1)[1])
        return found, at

    def _structures(self, content: memoryview, at: int, count: int, depth: int) -> Any:
        """A dict, or a list of as many as there are."""
        _, length, at = self.element(content, at)
        _, names, at = self.element(content, at)
        side = int(self._array(length, "i4", 1)[0])
        if side < 1:
            raise BadMatlabFile("it has a structure with fields without names")
        if names.nbytes > side * MOST:
            raise BadMatlabFile(f"it has a structure of more than {MOST:,} fields")
        fields = [
            bytes(names[i : i + side]).split(b"\0")[0].decode("latin-1")
            for i in range(0, names.nbytes // side * side, side)
        ]
        found = []
        for _ in range(count if fields else 0):
            values, at = self._matrices(content, at, len(fields), depth)
            found.append(dict(zip(fields, values, strict=True)))
        return found[0] if len(found) == 1 else found

    def _array(self, data: memoryview, kind: str, count: int) -> Any:
        """So many numbers. Raises BadMatlabFile when there are fewer."""
        dtype = np.dtype(self.order + kind)
        if data.nbytes < count * dtype.itemsize:
            raise BadMatlabFile("it was cut off, or is damaged")
        return np.frombuffer(data, dtype, count)

    @staticmethod
    def _cut(data: memoryview, start: int, size: int, end: int) -> memoryview:
        if end > data.nbytes or start + size > end:
            raise BadMatlabFile("it was cut off, or is damaged")
        return data[start : start + size]
