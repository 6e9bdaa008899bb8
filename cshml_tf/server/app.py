"""The application: routes, errors in one sentence, the page, and the gate around all of it."""

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from cshml_tf import __version__
from cshml_tf.files import printable
from cshml_tf.gallery.database import DatabaseError
from cshml_tf.gallery.portraits import Refused
from cshml_tf.gallery.store import KnownPerson, OtherNetworks, UnknownPerson
from cshml_tf.images import ImageTooLarge, UnreadableImage
from cshml_tf.server.audit import AuditLog
from cshml_tf.server.docs_page import docs_page
from cshml_tf.server.faces import face_routes
from cshml_tf.server.gate import Gate, Policy
from cshml_tf.server.metrics import Metrics
from cshml_tf.server.people import people_routes
from cshml_tf.server.service import Service
from cshml_tf.server.tracks import clip_routes

PAGE = Path(__file__).with_name("page")
# The status of each error of the library; of several that fit, the first.
_STATUSES: dict[type[Exception], int] = {
    ImageTooLarge: 413,
    UnreadableImage: 422,
    Refused: 422,
    UnknownPerson: 404,
    KnownPerson: 409,
    OtherNetworks: 503,
    DatabaseError: 503,
}
# The fields of requests that are files.
_FILES = frozenset(("picture", "first", "second", "clip"))
_SENTENCES = {
    OtherNetworks: "the gallery was rebuilt with other networks: the server must be restarted",
    DatabaseError: "the gallery cannot be used at the moment",
    UnknownPerson: "nobody of that name is enrolled",
}


def create_app(service: Service, policy: Policy, audit: AuditLog | None = None) -> Gate:
    """Make the application, for any ASGI server; it closes the service when that server ends.

    Args:
        service: the gallery at work.
        policy: who may ask, and how much.
        audit: the log of requests; None writes none.

    Returns:
        The ASGI application.
    """
    audit = audit or AuditLog(None)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()
        audit.close()

    app = FastAPI(
        title="cshml_tf",
        version=__version__,
        description="Find faces in pictures and say whom of a gallery they show, at a measured false-alarm rate.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    gate = Gate(app, policy, audit, lambda: service.engine.seconds_per_task)
    metrics = gate.metrics = Metrics(lambda: gate.waiting, service.gallery.size)
    service.on_batch = metrics.batch
    _add_errors(app)
    app.include_router(face_routes(service))
    app.include_router(clip_routes(service))
    app.include_router(people_routes(service))

    @app.get("/healthz", tags=["service"], summary="Answer as long as the server can use its gallery")
    def healthz() -> dict[str, str]:
        service.gallery.card()
        return {"status": "ok"}

    @app.get("/metrics", tags=["service"], summary="Figures for Prometheus", response_class=Response)
    def figures() -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return gate


def _add_errors(app: FastAPI) -> None:
    """Answer every error with {"error": one sentence}."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: Any) -> JSONResponse:
        first = error.errors()[0]
        where = printable(".".join(map(str, first["loc"][1:])) or str(first["loc"][0]))[:80]
        if not _FILES.isdisjoint(map(str, first["loc"])):
            return _problem(422, f"{where}: expected a file in a form of type multipart/form-data")
        return _problem(422, f"{where}: {printable(str(first['msg']))[:200]}")

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: Any) -> JSONResponse:
        return _problem(error.status_code, printable(str(error.detail))[:200], error.headers)

    async def of_library(_: Request, error: Exception) -> JSONResponse:
        status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
        if status == 503:
            # The place of the gallery concerns whoever runs the server.
            print(f"error: {printable(str(error))}", file=sys.stderr, flush=True)
        return _problem(status, _SENTENCES.get(type(error), str(error)))

    for kind in _STATUSES:
        app.add_exception_handler(kind, of_library)

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> JSONResponse:
        return _problem(500, "internal error: the server's log has the details")


def _problem(status: int, sentence: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"error": sentence}, status, headers)
