from django.urls import path

from metrics_app.views import home, operators, reports

urlpatterns = [
    path("metrics/", home.metrics_home, name="metrics_home"),
    path("metrics/reports/", reports.metrics_reports, name="metrics_reports"),
    path("metrics/reports/calls.csv", reports.metrics_calls_csv, name="metrics_calls_csv"),
    path("metrics/reports/report.json", reports.metrics_report_json, name="metrics_report_json"),
    path("metrics/prometheus", operators.metrics_prometheus, name="metrics_prometheus"),
]
