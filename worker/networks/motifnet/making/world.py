"""The whole drawn world: importing this module registers every motif."""

from __future__ import annotations

from worker.networks.motifnet.making import (
    beasts,
    birds,
    buildings,
    creatures,
    fabrics,
    faces,
    flowers,
    fruit,
    insects,
    machines,
    monuments,
    ornaments,
    people,
    plants,
    sea,
    shells,
    sky,
    strokes,
    textures,
    things,
)
from worker.networks.motifnet.making.motif import MOTIFS

#: The modules that define motifs: a family each.
FAMILIES = (
    *(people, faces, beasts, creatures, birds, sea, shells, insects, flowers, plants, fruit),
    *(buildings, monuments, things, machines, sky, ornaments, textures, fabrics, strokes),
)

#: Every motif, in the order of the network's classes: that of the alphabet, whatever is imported first.
NAMES: tuple[str, ...] = tuple(sorted(MOTIFS))
