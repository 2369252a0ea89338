"""What can go wrong while rendering, as the worker tells it apart."""

from __future__ import annotations


class RenderError(Exception):
    """Rendering cannot go on."""


class NotFinite(RenderError):
    """The gradient or the picture is no longer a finite number."""

    def __init__(self, what: str, octave: int, iteration: int) -> None:
        self.octave, self.iteration = octave, iteration
        super().__init__(
            f"the {what} was not finite in octave {octave}, iteration {iteration}: a smaller step (or learning rate) "
            "keeps the picture in bounds"
        )


class Mismatch(RenderError):
    """A state is not one of this rendering: it was made with another network, or for another plan."""


class OutOfMemory(RenderError):
    """Host or device ran out of memory; a smaller tile needs less."""
