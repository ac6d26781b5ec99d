from django.contrib import admin
from django.urls import include, path

from agents.api import api

urlpatterns = [
    path("", include("agents.urls")),
    path("", include("metrics_app.urls")),
    path("api/", api.urls),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
