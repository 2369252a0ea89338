"""The octave renderer: `begin` or `resume`, `advance` until finished, `finish`. Importing it imports TensorFlow.

It knows nothing of Celery, SQL, HTTP or settings: specification, plan, network and pictures in, pictures out.
"""

from worker.render.errors import NotFinite, OutOfMemory, RenderError
from worker.render.rendering import Progress, Rendering, begin, resume

__all__ = ["NotFinite", "OutOfMemory", "Progress", "RenderError", "Rendering", "begin", "resume"]
