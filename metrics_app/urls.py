from django.urls import path

from metrics_app.views import home, mails, operators, reports

urlpatterns = [
    path("metrics/", home.metrics_home, name="metrics_home"),
    path("metrics/reports/", reports.metrics_reports, name="metrics_reports"),
    path("metrics/reports/calls.csv", reports.metrics_calls_csv, name="metrics_calls_csv"),
    path("metrics/reports/report.json", reports.metrics_report_json, name="metrics_report_json"),
    path("metrics/mails/", mails.metrics_mails, name="metrics_mails"),
    path("metrics/mails/choose/", mails.metrics_mails_choose, name="metrics_mails_choose"),
    path("metrics/mails/send/", mails.metrics_mails_send, name="metrics_mails_send"),
    path("metrics/prometheus", operators.metrics_prometheus, name="metrics_prometheus"),
]
