"""The Python client: `Farm` submits pictures and jobs to a farm, steers, watches and fetches them.

from api.client import Farm

with Farm() as farm:
    picture = farm.upload("castle.jpg")
    job = farm.submit({"kind": "dream", "input": picture.id, "preset": "deepdream"})
    for change in farm.watch(job.id):
        print(change.state, change.progress.share)
    farm.fetch(job.id, "dreams")
"""

from api.remote.errors import BadAddress, BadKey, BadRequest, FarmError, LocalFileError, MissingFile, NoFarm
from api.remote.farm import Farm
from api.remote.fetching import Fetched, FileDiffers
from api.remote.watching import FarmEvent

__all__ = [
    "BadAddress",
    "BadKey",
    "BadRequest",
    "Farm",
    "FarmError",
    "FarmEvent",
    "Fetched",
    "FileDiffers",
    "LocalFileError",
    "MissingFile",
    "NoFarm",
]
