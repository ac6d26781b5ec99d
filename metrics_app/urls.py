from django.urls import path

from metrics_app.views import (
    budgets,
    egress,
    home,
    mails,
    operators,
    prices,
    reconciliation,
    reports,
    turns,
)

urlpatterns = [
    path("agents/<uuid:agent_id>/egress/", egress.agent_egress, name="agent_egress"),
    path("agents/<uuid:agent_id>/turn-costs/", turns.agent_turn_costs, name="agent_turn_costs"),
    path("metrics/", home.metrics_home, name="metrics_home"),
    path("metrics/reports/", reports.metrics_reports, name="metrics_reports"),
    path("metrics/reports/calls.csv", reports.metrics_calls_csv, name="metrics_calls_csv"),
    path("metrics/reports/report.json", reports.metrics_report_json, name="metrics_report_json"),
    path("metrics/prices/", prices.metrics_prices, name="metrics_prices"),
    path(
        "metrics/reconciliation/",
        reconciliation.metrics_reconciliation,
        name="metrics_reconciliation",
    ),
    path(
        "metrics/reconciliation/turns.csv",
        reconciliation.metrics_turns_csv,
        name="metrics_turns_csv",
    ),
    path("metrics/reconciliation/<int:turn_id>/", reconciliation.metrics_turn, name="metrics_turn"),
    path("metrics/mails/", mails.metrics_mails, name="metrics_mails"),
    path("metrics/mails/choose/", mails.metrics_mails_choose, name="metrics_mails_choose"),
    path("metrics/mails/send/", mails.metrics_mails_send, name="metrics_mails_send"),
    path("metrics/ingest/", operators.metrics_ingest, name="metrics_ingest"),
    path("metrics/prometheus", operators.metrics_prometheus, name="metrics_prometheus"),
    path("metrics/budgets/", budgets.metrics_budgets, name="metrics_budgets"),
    path("metrics/budgets/new/", budgets.metrics_budget_create, name="metrics_budget_create"),
    path("metrics/budgets/<int:budget_id>/", budgets.metrics_budget, name="metrics_budget"),
    path(
        "metrics/budgets/<int:budget_id>/limit/",
        budgets.metrics_budget_limit,
        name="metrics_budget_limit",
    ),
    path(
        "metrics/budgets/<int:budget_id>/top-up/",
        budgets.metrics_budget_top_up,
        name="metrics_budget_top_up",
    ),
    path(
        "metrics/budgets/<int:budget_id>/switch-off/",
        budgets.metrics_budget_switch_off,
        name="metrics_budget_switch_off",
    ),
    path(
        "metrics/budgets/<int:budget_id>/switch-on/",
        budgets.metrics_budget_switch_on,
        name="metrics_budget_switch_on",
    ),
]
