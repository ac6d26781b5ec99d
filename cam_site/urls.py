from django.contrib import admin
from django.urls import include, path

from agents.api import api
from cam_site.manifest import web_manifest
from metrics_app.api import router as metrics_router
from voice_app.api import router as voice_router

api.add_router("/metrics", metrics_router, tags=["metrics"])
api.add_router("/voice", voice_router, tags=["speech"])

urlpatterns = [
    path("manifest.webmanifest", web_manifest, name="web_manifest"),
    path("", include("agents.urls")),
    path("", include("metrics_app.urls")),
    path("", include("voice_app.urls")),
    path("api/", api.urls),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
