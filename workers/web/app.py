"""The application: routes, and what stands before them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware

from workers.runtime import Runtime
from workers.web import api, failing, health, login, pages, static
from workers.web.bodies import Bodies
from workers.web.deps import reader
from workers.web.edge import Edge
from workers.web.guards import Guards, cross_site, framing, host, pace, who
from workers.web.openapi import document
from workers.web.photos import routes as photos
from workers.web.state import Web

OPENAPI = "/api/openapi.json"


def create_app(runtime: Runtime) -> FastAPI:
    """The application on these services; nothing is opened before the first request."""
    web = Web(runtime)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        web.close()

    app = FastAPI(
        title="Tagmill",
        summary="Products, what their photos show, and what people say of it.",
        version=version("tagmill"),
        openapi_url=None,  # ours asks for a key
        docs_url=None,  # its scripts would come from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        middleware=[
            Middleware(Edge),
            Middleware(Guards, web=web, guards=(framing, host, cross_site, who, pace)),
            Middleware(Bodies, photo=runtime.settings.max_bytes),
        ],
    )
    app.state.web = web
    failing.register(app)
    for router in (health.router, static.router, login.router):
        app.include_router(router, include_in_schema=False)
    known = [Depends(reader)]
    app.add_api_route(OPENAPI, lambda: document(app), dependencies=known, include_in_schema=False)
    app.include_router(photos.router, dependencies=known, include_in_schema=False)
    app.include_router(api.router, dependencies=known)
    for router in pages.ROUTERS:
        app.include_router(router, dependencies=known, include_in_schema=False)
    return app
