"""The octave renderer: `begin` or `resume`, `advance` until finished, `finish`. Importing it imports TensorFlow.

It knows nothing of Celery, SQL, HTTP or settings: specification, plan, network and pictures in, pictures out.
"""

from worker.render import gradients, programs
from worker.render.cuts import Cuts, cuts_of
from worker.render.errors import Mismatch, NotFinite, OutOfMemory, RenderError
from worker.render.rendering import Progress, Rendering, begin, resume

__all__ = [
    "Cuts",
    "Mismatch",
    "NotFinite",
    "OutOfMemory",
    "Progress",
    "RenderError",
    "Rendering",
    "begin",
    "cuts_of",
    "forget",
    "resume",
]


def forget() -> None:
    """Lets go of all compiled programs, and with them of the networks that nobody else holds."""
    gradients.program.cache_clear()
    programs.forget()
