"""The API's documentation, offline. A browser cannot send a token with an address, so the page asks for one.

`/docs` without a token answers 401 (as everything guarded does) but with a page: a form for the token, which then
fetches `/openapi.json` with it and shows Swagger UI. The token stays in the page's memory.
"""

from __future__ import annotations

from typing import Any

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
NULL = {"type": "null"}
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
    known = await identify(request) is not None
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
    return answer(as_openapi_30(request.app.openapi()))


def as_openapi_30(described: dict[str, Any]) -> dict[str, Any]:
    """FastAPI speaks OpenAPI 3.1; the bundled Swagger UI and many generators of clients only 3.0."""
    info = {key: value for key, value in described["info"].items() if key != "summary"}
    info["description"] = described["info"]["summary"]
    return {**_in_30(described), "openapi": "3.0.3", "info": info}


def _in_30(part: Any) -> Any:
    """A piece of JSON Schema as 3.0 writes it: no type `null`, no `const`, bounds that say beside them if exclusive."""
    if isinstance(part, list):
        return [_in_30(item) for item in part]
    if not isinstance(part, dict):
        return part
    said = {key: _in_30(value) for key, value in part.items() if key != "propertyNames"}
    if isinstance(choices := part.get("anyOf"), list) and NULL in choices:
        rest = [_in_30(choice) for choice in choices if choice != NULL]
        del said["anyOf"]
        said["nullable"] = True
        if len(rest) > 1:
            said["anyOf"] = rest
        elif "$ref" in rest[0]:
            said["allOf"] = rest
        else:
            said |= rest[0]
    elif part.get("type") == "null":
        said = {key: value for key, value in said.items() if key != "type"} | {"nullable": True, "enum": [None]}
    if "const" in said:
        said["enum"] = [said.pop("const")]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(said.get(exclusive), (int, float)):
            said |= {bound: said[exclusive], exclusive: True}
    return said
