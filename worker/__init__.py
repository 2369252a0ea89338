"""Celery's side: takes messages, renders slices, saves frames and checkpoints.

Nothing here imports TensorFlow at import time but `worker.render` and `worker.networks.network`: the worker's main process
must never hold it (see shared/queue.py).
"""
