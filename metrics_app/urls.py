from django.urls import path

from metrics_app import views

urlpatterns = [
    path("metrics/", views.metrics_home, name="metrics_home"),
    path("metrics/reports/", views.metrics_reports, name="metrics_reports"),
    path("metrics/reports/calls.csv", views.metrics_calls_csv, name="metrics_calls_csv"),
    path("metrics/reports/report.json", views.metrics_report_json, name="metrics_report_json"),
    path("metrics/prometheus", views.metrics_prometheus, name="metrics_prometheus"),
]
