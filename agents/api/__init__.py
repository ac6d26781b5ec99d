"""The HTTP API, documented at /api/docs. Every row is fetched through `visible_to`."""

import tomllib

from django.conf import settings
from django.urls import URLPattern, URLResolver, re_path
from ninja import NinjaAPI

from agents.api.agents import router as agents_router
from agents.api.approvals import router as approvals_router
from agents.api.auth import CookieAuth, TokenAuth
from agents.api.errors import add_error_handlers, answer_in_json, not_found
from agents.api.exports import router as exports_router
from agents.api.files import router as files_router
from agents.api.search import router as search_router

__all__ = ["api"]


class PortalAPI(NinjaAPI):
    """Answers in JSON also where there is no such path or method."""

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, app_name, namespace = super().urls
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = answer_in_json(pattern.callback)
        return [*patterns, re_path("", not_found)], app_name, namespace


def project_version() -> str:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


api = PortalAPI(
    title="CAM",
    version=project_version(),
    description="Launch, watch and steer the agents that are yours.",
    urls_namespace="api",
    auth=[TokenAuth(), CookieAuth()],
)
add_error_handlers(api)
api.add_router("/agents", agents_router, tags=["agents"])
api.add_router("/agents", approvals_router, tags=["approvals"])
api.add_router("/agents", exports_router, tags=["agents"])
api.add_router("/search", search_router, tags=["agents"])
api.add_router("/fs", files_router, tags=["files"])
