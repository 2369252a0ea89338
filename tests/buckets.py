"""S3 services of the tests' own: moto's server, over HTTP, and one that says nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from moto.server import ThreadedMotoServer


@contextmanager
def s3_service() -> Iterator[str]:
    """The address of a service with an empty bucket called `farm`; its keys are in the environment meanwhile."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "key")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="farm")
        yield endpoint
        server.stop()


@contextmanager
def silent_service() -> Iterator[tuple[str, list[socket.socket]]]:
    """The address of a service that takes every connection and never answers, and the connections it has taken."""
    taken: list[socket.socket] = []
    with pytest.MonkeyPatch.context() as environment, socket.create_server(("127.0.0.1", 0)) as listener:
        environment.setenv("AWS_ACCESS_KEY_ID", "key")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")

        def take() -> None:
            try:
                while True:
                    taken.append(listener.accept()[0])
            except OSError:
                return  # it is over

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", taken
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in taken:
                connection.close()
