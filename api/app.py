"""The HTTP API: validates, stores, announces, serves. It renders nothing and never imports the worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api import errors, openapi, web
from api.doorbell import Doorbell
from api.metrics import Metrics
from api.middleware import Around
from api.routes import access, assets, batches, catalogue, docs, events, health, jobs, pictures, plan
from api.services import Services
from api.tail import Tail
from shared.blobs import open_blobs
from shared.queue import celery_app
from shared.settings import Settings
from shared.store import Store

#: Pictures decoded at once: two keep two cores busy.
_DECODING = 2
#: Smaller copies that are made at once: while two are decoded, two more come from the bucket or go there.
_COPYING = 4
#: How long a bucket may be silent. People wait for it, and it has to be over before their browsers and proxies give up.
_BLOBS_SECONDS = 15.0


def create_app(settings: Settings) -> FastAPI:
    """The API of the farm that the settings name. The database's schema has to be there already."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = Store(settings.database)
        doorbell = Doorbell(store, celery_app(settings.broker), ahead=settings.announce_ahead)
        app.state.services = Services(
            settings=settings,
            store=store,
            blobs=open_blobs(settings, patience=timedelta(seconds=_BLOBS_SECONDS)),
            doorbell=doorbell,
            tail=Tail(store),
            metrics=Metrics(store),
            decoding=CapacityLimiter(_DECODING),
            copying=CapacityLimiter(_COPYING),
        )
        # Jobs may have been submitted while nobody could announce them.
        doorbell.announce()
        yield
        close_streams(app)
        doorbell.close()
        store.dispose()

    app = _Api(
        title="dreamfarm",
        version=version("dreamfarm"),
        summary="A render farm for DeepDream and neural style transfer",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Around)
    errors.install(app)
    routers = [m.router for m in (assets, jobs, pictures, batches, events, plan, catalogue, access, health, docs)]
    for router in routers:
        app.include_router(router)
    web.mount(app)
    _answer_head(app, [*app.routes, *(route for router in routers for route in router.routes)])
    return app


def _answer_head(app: FastAPI, routes: Iterable[BaseRoute]) -> None:
    """Have HEAD answered wherever GET is (RFC 9110, 9.3.2), the server leaving the body out; but no stream without end."""
    for route in routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and route.endpoint is not events.listen:
            app.add_api_route(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                response_model=route.response_model,
                response_class=route.response_class,
                include_in_schema=False,
            )


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if not self.openapi_schema:
            self.openapi_schema = openapi.document(self)
        return self.openapi_schema


def close_streams(app: FastAPI) -> None:
    """End the event streams, which would otherwise keep a server from stopping."""
    services: Services = app.state.services
    services.tail.close()
