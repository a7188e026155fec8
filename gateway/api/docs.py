"""The API's documentation, offline. A browser cannot send a token with an address, so the page asks for one.

`/docs` without a token answers 401 (as everything guarded does) but with a page: a form for the token, which then
fetches `/openapi.json` with it and shows Swagger UI. The token stays in the page's memory.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]

from gateway.api.answers import answer
from gateway.api.guard import HouseOf, Viewer, identify
from gateway.api.problems import Problem

ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>AnLou API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<form id="ask"><label>API token 令牌 <input id="token" type="password" size="36" autocomplete="off" required></label>
<button>Open 打开</button> <output id="said"></output></form>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</html>
"""
SCRIPT = """document.getElementById("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = document.getElementById("token").value.trim();
  const reply = await fetch("/openapi.json", {headers: {Authorization: "Bearer " + token}});
  if (!reply.ok) {
    document.getElementById("said").textContent = (await reply.json()).detail;
    return;
  }
  document.getElementById("ask").remove();
  const ui = SwaggerUIBundle({
    spec: await reply.json(), dom_id: "#ui", validatorUrl: null,
    onComplete: () => ui.preauthorizeApiKey("token", token),
  });
});
"""

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs(request: Request, house: HouseOf) -> Response:
    known = await identify(request, house) is not None
    headers = {"Content-Security-Policy": POLICY}
    if not known:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(PAGE, 200 if known else 401, headers, "text/html; charset=utf-8")


@router.get("/docs/start.js")
async def start() -> Response:
    return Response(SCRIPT, media_type="text/javascript")


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """Two files by their names, so that no path can be made up."""
    if name not in ASSETS:
        raise Problem(404, "there is no such page")
    return FileResponse(swagger_ui_path / name, media_type=ASSETS[name])


@router.get("/openapi.json")
async def openapi(_: Viewer, request: Request) -> Response:
    return answer(request.app.openapi())
