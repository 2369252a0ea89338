"""The Python client: `Farm` submits pictures and jobs to a farm, steers, watches and fetches them.

from api.client import Farm

with Farm() as farm:
    picture = farm.upload("castle.jpg")
    job = farm.submit({"kind": "dream", "input": picture.id, "preset": "deepdream"})
    for change in farm.watch(job.id):
        print(change.state, change.progress.share)
    farm.fetch(job.id, "dreams")
"""

from api.client.errors import FarmError, NoFarm
from api.client.farm import Farm
from api.client.fetching import Fetched, FileDiffers
from api.client.watching import FarmEvent

__all__ = ["Farm", "FarmError", "FarmEvent", "Fetched", "FileDiffers", "NoFarm"]
