"""The application: pages, the API, assets, and what is said when something is wrong."""

import gzip
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import RedirectResponse
from plotly.offline import get_plotlyjs
from starlette.exceptions import HTTPException

from results.dashboard import pages
from results.dashboard.answers import HTML, Answer, kept_page, respond
from results.dashboard.api import Number, RunId, Seconds, Word, api_router, cell_of, side
from results.dashboard.compare import compared
from results.dashboard.guard import COOKIE, Access, Guard
from results.dashboard.hooks import Side
from results.dashboard.links import ServedLinks
from results.dashboard.source import Source
from results.dashboard.uploads import refusal, uploads_router
from results.templating import TEMPLATES
from vocabulary import KxbenchError, StoreError, UsageError

_ASSETS = Path(__file__).parent / "assets"
_FOR_GOOD = "public, max-age=31536000, immutable"
_KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@cache
def assets() -> dict[str, str]:
    """Every script and style sheet by its name; plotly.js is that of the Python package."""
    files = [TEMPLATES / "report.css", TEMPLATES / "charts.js", *sorted(_ASSETS.iterdir())]
    found = {path.name: path.read_text(encoding="utf-8") for path in files}
    return found | {"plotly.min.js": get_plotlyjs()}


@cache
def assets_version() -> str:
    whole = hashlib.sha256()
    for name, text in assets().items():
        whole.update(f"{name}\0{text}\0".encode())
    return whole.hexdigest()[:12]


@cache
def _asset(name: str) -> Answer:
    plain = assets()[name].encode()
    made = Answer.of(plain, _KINDS[Path(name).suffix])
    return Answer(plain, gzip.compress(plain, 6, mtime=0), made.kind, made.etag)


def create_app(source: Source, access: Access, taken: Callable[[str], None] = lambda _run: None) -> FastAPI:
    """``taken`` is told of each run that was uploaded."""
    app = FastAPI(
        title="kxbench",
        version="1",
        summary="Runs, their figures, comparisons and trends",
        docs_url=None,  # both load scripts from elsewhere; /api lists the operations
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.include_router(api_router(source, access.uploads))
    app.include_router(uploads_router(source, access, taken))
    links = ServedLinks(assets_version())
    _pages(app, source, links)
    _more(app, source, links, access)
    _errors(app, links)
    _described(app)
    app.add_middleware(Guard, access=access)
    return app


def _pages(app: FastAPI, source: Source, links: ServedLinks) -> None:
    page: dict[str, Any] = {
        "include_in_schema": False,
        "response_class": Response,
        "methods": ["GET", "HEAD"],
    }

    @app.api_route("/", **page)
    def overview(request: Request, plan: Word = "", before: Seconds = None) -> Response:
        return kept_page(request, source, lambda: pages.overview_page(source, links, plan or None, before))

    @app.api_route("/runs/{run_id}", **page)
    def run(request: Request, run_id: RunId) -> Response:
        return kept_page(request, source, lambda: pages.run_page(source, links, source.run(run_id)))

    @app.api_route("/runs/{run_id}/cells/{index}", **page)
    def cell(request: Request, run_id: RunId, index: Number) -> Response:
        def make() -> str:
            found = cell_of(source, run_id, index)
            return pages.render("cell.html.j2", links, "run", run=source.run(run_id), cell=found)

        return kept_page(request, source, make)

    @app.api_route("/compare", **page)
    def compare(
        request: Request, a: Word = "", b: Word = "", a_target: Word = "", b_target: Word = ""
    ) -> Response:
        def make() -> str:
            if not a or not b:
                return pages.compare_page(source, links, None, None, None)
            try:
                sides = side(source, a, a_target), side(source, b, b_target)
                return pages.compare_page(source, links, compared(source, *sides), *sides)
            except UsageError as error:
                told = f"{error.what}. {error.remedy}"
                return pages.compare_page(source, links, None, Side(a), Side(b), told)

        return kept_page(request, source, make)

    @app.api_route("/trends", **page)
    def trends(request: Request) -> Response:
        return kept_page(request, source, lambda: pages.trends_page(source, links))

    @app.api_route("/trends/{series_id}", **page)
    def trend(request: Request, series_id: Number, against: Word = "", whole: bool = False) -> Response:
        return kept_page(request, source, lambda: pages.trend_page(source, links, series_id, against, whole))

    @app.api_route("/systems", **page)
    def systems(request: Request) -> Response:
        return kept_page(request, source, lambda: pages.systems_page(source, links))


def _more(app: FastAPI, source: Source, links: ServedLinks, access: Access) -> None:
    hidden: dict[str, Any] = {"include_in_schema": False, "response_class": Response}

    @app.api_route("/assets/{name}", methods=["GET", "HEAD"], **hidden)
    def asset(request: Request, name: str, v: Annotated[str, Query()] = "") -> Response:
        if name not in assets():
            raise HTTPException(404)
        return respond(request, _asset(name), _FOR_GOOD if v == links.version else "no-cache")

    @app.get("/healthz", **hidden)
    def healthz() -> Response:
        source.store.version()
        return Response("ok\n", media_type="text/plain")

    @app.get("/api", **hidden)
    def api(request: Request) -> Response:
        operations = [
            (method.upper(), path, one.get("summary", ""), [p["name"] for p in one.get("parameters", ())])
            for path, methods in app.openapi()["paths"].items()
            for method, one in methods.items()
        ]
        return kept_page(
            request, source, lambda: pages.render("api.html.j2", links, "api", operations=operations)
        )

    @app.get("/login", **hidden)
    def login(refused: bool = False) -> Response:
        return Response(pages.render("login.html.j2", links, "login", refused=refused), media_type=HTML)

    @app.post("/login", **hidden)
    async def enter(request: Request) -> Response:
        body = (await request.body())[:4096].decode("utf-8", "replace")
        given = parse_qs(body).get("token", [""])[0]
        if not access.holds(given):
            return RedirectResponse("/login?refused=true", status_code=303)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            COOKIE, given, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return answer


def _errors(app: FastAPI, links: ServedLinks) -> None:
    def told(request: Request, status: int, what: str, remedy: str = "") -> Response:
        if request.url.path.startswith("/api/"):
            return refusal(status, what, remedy)
        heading = "Not found" if status == 404 else "This cannot be shown"
        page = pages.render("message.html.j2", links, "message", heading=heading, what=what, remedy=remedy)
        return Response(page, status_code=status, media_type=HTML)

    @app.exception_handler(KxbenchError)
    def kxbench(request: Request, error: KxbenchError) -> Response:
        """Without ``where``: it is a path of this machine."""
        if isinstance(error, StoreError):
            return told(request, 503, error.what, error.remedy)
        return told(request, 404, error.what, error.remedy)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return told(request, 422, f"{first['loc'][-1]}: {first['msg']}", "see /api for what it may be")

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        what = {404: "There is nothing here.", 405: "This method is not taken."}.get(
            error.status_code, error.detail
        )
        answer = told(request, error.status_code, what)
        answer.headers.update(error.headers or {})
        return answer


def _described(app: FastAPI) -> None:
    """OpenAPI with the token as a scheme; FastAPI's own form of 422 is not ours."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            for name in ("HTTPValidationError", "ValidationError"):
                made["components"]["schemas"].pop(name, None)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
