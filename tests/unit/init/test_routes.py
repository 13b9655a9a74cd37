"""Which health check has an app? Its modules as text, and the path that is asked."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from releaser.init.routes import health_route

FASTAPI = "from fastapi import APIRouter, FastAPI\n"
FLASK = "from flask import Blueprint, Flask\n"
ROUTER = f'{FASTAPI}router = APIRouter()\n@router.get("/healthz")\ndef ask(): ...\n'
BLUEPRINT = f'{FLASK}bp = Blueprint("ops", __name__, url_prefix="/ops")\n@bp.route("/health")\ndef ask(): ...\n'

CASES: dict[str, tuple[Mapping[str, str], str]] = {
    "flask": ({"app": f'{FLASK}app = Flask("a")\n@app.route("/health")\ndef ask(): ...\n'}, "/health"),
    "not of a POST": ({"app": '@app.route("/ping", methods=["POST"])\ndef ask(): ...\n'}, ""),
    "a client": ({"app": 'import httpx\nhttpx.get("/health")\nclient.get("/health")\n'}, ""),
    "a parameter": ({"app": '@app.get("/{name}/health")\ndef ask(): ...\n'}, ""),
    "starlette": ({"app": 'routes = [Route("/", page), Route("/healthz/", ask)]\n'}, "/healthz/"),
    "starlette below": ({"app": 'routes = [Mount("/api", routes=[Route("/healthz", ask)])]\n'}, ""),
    "litestar": ({"app": '@get("/health")\nasync def ask(): ...\n'}, "/health"),
    "a controller": (
        {"app": 'class A(Controller):\n    path = "/a"\n    @get("/health")\n    async def b(self): ...\n'},
        "",
    ),
    "aiohttp": ({"app": 'from aiohttp import web\napp.add_routes([web.get("/health", ask)])\n'}, "/health"),
    "aiohttp's router": ({"app": 'app.router.add_get("/health", ask)\n'}, "/health"),
    "django": ({"site.urls": 'urlpatterns = [path("", page), path("health", ask)]\n'}, "/health"),
    "django's pattern": ({"site.urls": 'urlpatterns = [re_path(r"^healthz/?$", ask)]\n'}, "/healthz"),
    "django below": (
        {
            "site.urls": 'urlpatterns = [path("api/", include("shop.urls"))]\n',
            "shop.urls": 'urlpatterns = [path("health/", ask)]\n',
        },
        "/api/health/",
    ),
    "django, nobody knows where": (
        {
            "site.urls": 'urlpatterns = [path("api/", include("shop.urls"))]\n',
            "shop.urls": "urlpatterns = []\n",
            "blog.urls": 'urlpatterns = [path("health/", ask)]\n',
        },
        "",
    ),
    "in every language": ({"site.urls": 'urlpatterns = i18n_patterns(path("health", ask))\n'}, ""),
    "a router": (
        {
            "shop.main": f'{FASTAPI}from .api import health\napp.include_router(health.router, prefix="/v1")\n',
            "shop.api": "",
            "shop.api.health": ROUTER,
        },
        "/v1/healthz",
    ),
    "a router by another name": (
        {
            "shop.main": f"{FASTAPI}from shop.api import ops\napp = FastAPI()\napp.include_router(ops)\n",
            "shop.api": "from .health import router as ops\n",
            "shop.api.health": ROUTER,
        },
        "/healthz",
    ),
    "a router in a router": (
        {
            "main": f'{FASTAPI}from api import api\napp = FastAPI()\napp.include_router(api, prefix="/api")\n',
            "api": f'{FASTAPI}from health import router\napi = APIRouter(prefix="/v2")\napi.include_router(router)\n',
            "health": ROUTER,
        },
        "/api/v2/healthz",
    ),
    "a prefix that is computed": (
        {
            "main": f"{FASTAPI}from health import router\napp = FastAPI()\napp.include_router(router, prefix=PREFIX)\n",
            "health": ROUTER,
        },
        "",
    ),
    "routers in a loop": (
        {"main": f"{FASTAPI}for each in found():\n    app.include_router(each)\n", "health": ROUTER},
        "",
    ),
    "an app below another": (
        {"main": f'{FASTAPI}sub = FastAPI()\napp.mount("/sub", sub)\n@sub.get("/health")\ndef ask(): ...\n'},
        "",
    ),
    "a blueprint": ({"a": f"{FLASK}from b import bp\napp.register_blueprint(bp)\n", "b": BLUEPRINT}, "/ops/health"),
    "a blueprint elsewhere": (
        {"a": f'{FLASK}from b import bp\napp.register_blueprint(bp, url_prefix="/x")\n', "b": BLUEPRINT},
        "/x/health",
    ),
    "the likeliest": (
        {"app": '@app.get("/ping")\ndef a(): ...\n@app.get("/api/health")\ndef b(): ...\n'},
        "/api/health",
    ),
    "the router is the path": (
        {
            "main": f"{FASTAPI}from health import router\napp.include_router(router)\n",
            "health": f'{FASTAPI}router = APIRouter(prefix="/health")\n@router.get("")\ndef ask(): ...\n',
        },
        "/health",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_health_check_is_found_where_it_is_served_and_never_where_it_is_not(case: str) -> None:
    modules, expected = CASES[case]
    assert health_route({name: ast.parse(text) for name, text in modules.items()}) == expected
