"""Fire, and what is in the sky."""

from __future__ import annotations

from worker.networks.motifnet.making.colours import BLACK, WHITE
from worker.networks.motifnet.making.motif import motif
from worker.networks.motifnet.making.paths import (
    arc,
    oval,
    polygon,
    smooth,
)
from worker.networks.motifnet.making.paths import (
    star as star_path,
)
from worker.networks.motifnet.making.pen import Pen


@motif()
def flame(pen: Pen) -> None:
    """A fire: tongues within tongues from red to white, with sparks."""
    hues = pen.pick((0.0, 0.045, 0.1, 0.15), (0.62, 0.56, 0.5, 0.48)) if pen.chance(0.2) else (0.0, 0.045, 0.1, 0.15)
    sway = pen.u(-0.2, 0.2)
    pen.glow(0, 0.2, 1.2, pen.c(hues[0], 0.9, 0.7).faded(0.6))
    tongue = [
        (0.05 + sway, -1.02),
        (0.2, -0.55),
        (0.4, -0.3),
        (0.5, -0.62),
        (0.72, -0.1),
        (0.78, 0.45),
        (0.45, 0.9),
        (0, 1.0),
        (-0.45, 0.9),
        (-0.78, 0.4),
        (-0.62, -0.15),
        (-0.45, -0.45),
        (-0.36, -0.1),
        (-0.12, -0.4),
    ]
    for k, (size, hue) in enumerate(zip((1.0, 0.76, 0.54, 0.3), hues, strict=True)):
        with pen.at(0, 0.95 * (1 - size), size):
            wavering = [(x + pen.u(-0.05, 0.05), y + pen.u(-0.07, 0.07)) for x, y in tongue]
            colour = pen.c(hue, 1.0 - 0.17 * k, 0.85 + 0.05 * k)
            pen.fill(smooth(wavering), colour.lit(1.2), colour.lit(0.9))
    pen.dots([(pen.u(-0.8, 0.8), pen.u(-1.0, 0.0), pen.u(0.012, 0.035)) for _ in range(14)], pen.c(hues[2], 0.8, 1.0))


@motif()
def moon(pen: Pen) -> None:
    """A crescent with a face, craters and a few stars."""
    silver = pen.c(pen.pick(0.14, 0.13, 0.6), pen.u(0.15, 0.7), 1.0)
    pen.glow(0, 0, 1.25, pen.c(0.65, 0.85, 0.3).faded(0.8))
    pen.fill(
        smooth(
            [
                (0.35, -0.98),
                (-0.3, -0.85),
                (-0.72, -0.3),
                (-0.72, 0.35),
                (-0.28, 0.87),
                (0.38, 0.98),
                (0.0, 0.62),
                (-0.1, 0.36),
                (0.02, 0.22),
                (-0.06, 0.12),
                (0.12, 0.0),
                (-0.1, -0.18),
                (-0.16, -0.35),
                (0.0, -0.62),
            ]
        ),
        silver,
    )
    pen.eyeball(-0.26, -0.24, 0.085, pen.c(0.58, 0.8, 0.7))
    pen.line([(-0.4, -0.4), (-0.26, -0.44), (-0.12, -0.38)], silver.lit(0.4), 0.035)
    pen.line([(-0.32, 0.34), (-0.2, 0.36), (-0.06, 0.26)], pen.c(0.0, 0.8, 0.7), 0.045)
    for x, y, r in ((-0.55, 0.1, 0.09), (-0.4, 0.58, 0.08), (-0.2, -0.7, 0.08), (-0.58, -0.25, 0.05)):
        pen.line(oval(x, y, r, r * 0.9), silver.lit(0.65), 0.025)
    for x, y, r in ((0.55, -0.4, 0.2), (0.75, 0.25, 0.14), (0.4, 0.45, 0.1)):
        with pen.at(x, y, r):
            pen.flat(star_path(5, 1.0, 0.42), pen.c(0.13, 0.7, 1.0))


@motif()
def sun(pen: Pen) -> None:
    """A sun with a face and alternate straight and flaming rays."""
    gold, red = pen.c(0.125, 0.95, 1.0), pen.c(pen.u(0.02, 0.07), 0.95, 0.98)
    pen.glow(0, 0, 1.3, gold.faded(0.5))
    count = pen.pick(8, 10, 12)
    for _ in pen.around(count):
        pen.fill(polygon([(-0.14, -0.5), (0, -1.05), (0.14, -0.5)]), gold)
    for _ in pen.around(count, 180 / count):
        pen.fill(
            smooth(
                [(-0.1, -0.5), (-0.13, -0.68), (0.02, -0.8), (-0.02, -1.0), (0.12, -0.82), (0.05, -0.66), (0.12, -0.5)]
            ),
            red,
        )
    pen.oval(0, 0, 0.58, 0.58, gold)
    pen.line(oval(0, 0, 0.56, 0.56), red, 0.045)
    for _ in pen.sides():
        pen.glow(0.3, 0.18, 0.18, red.faded(0.6))
        pen.fill(smooth([(0.08, -0.08), (0.2, -0.18), (0.34, -0.08), (0.2, -0.02)]), WHITE)
        pen.eyeball(0.2, -0.09, 0.07, pen.c(0.08, 0.8, 0.5))
        pen.line([(0.05, -0.18), (0.2, -0.28), (0.38, -0.18)], red.lit(0.6), 0.04)
    pen.line([(0.02, -0.08), (0.06, 0.12), (-0.06, 0.14)], red.lit(0.7), 0.03)
    pen.fill(smooth([(-0.2, 0.26), (0, 0.3), (0.2, 0.26), (0, 0.4)]), red)


@motif("any")
def planet(pen: Pen) -> None:
    """A banded planet with rings."""
    bands, ring = pen.scheme(3), pen.c(pen.u(0.05, 0.15), pen.u(0.3, 0.8), 1.0)
    tilt = [(0.98, 1.0), (0.86, 0.7), (0.76, 1.4)]
    for radius, tone in tilt:
        pen.line(arc(0, 0, radius, radius * 0.26, 180, 180), ring.lit(tone * 0.7), 0.085)
    pen.ball(0, 0, 0.6, bands[0])
    with pen.inside(oval(0, 0, 0.6, 0.6)):
        for k in range(6):
            y = -0.5 + 0.19 * k
            pen.line(
                [(-0.7, y), (-0.2, y + pen.u(0.02, 0.09)), (0.2, y + pen.u(0.0, 0.07)), (0.7, y)],
                bands[k % 3].lit(1.1).faded(0.65),
                pen.u(0.05, 0.14),
            )
        pen.fill(oval(0.2, 0.18, 0.13, 0.08), bands[1].lit(0.6))
        pen.glow(-0.25, -0.3, 0.4, WHITE.faded(0.5))
        pen.glow(0.45, 0.45, 0.7, BLACK.faded(0.7))
    for radius, tone in tilt:
        pen.line(arc(0, 0, radius, radius * 0.26, 0, 180), ring.lit(tone), 0.085)
    pen.dots([(x, y, 0.018) for x, y in pen.scatter(10, 1.0)], WHITE)
