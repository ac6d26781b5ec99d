from django.urls import path

from metrics_app import views

urlpatterns = [
    path("metrics/", views.metrics_home, name="metrics_home"),
]
