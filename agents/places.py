"""The pages that a person may want to go to: for the palette, the keys after `g`, and the tests.

A page of any app is listed here by the name of its URL, and is found and reached by keyboard from
then on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse


@dataclass(frozen=True)
class Place:
    """`words` are what one might call it besides; `key` is pressed after g, if it has one."""

    title: str
    url_name: str
    words: str = ""
    key: str = ""
    is_for_staff: bool = False

    @property
    def href(self) -> str:
        return reverse(self.url_name)


PLACES = (
    Place("Agents", "agent_list", "home start list", "a"),
    Place("Launch an agent", "agent_launch", "new create start", "n"),
    Place("Who did what", "audit_home", "audit trail approvals prompts history"),
    Place("Workspaces", "workspace_home", "folders files browse git", "w"),
    Place("Search transcripts", "line_search", "find text words full", "s"),
    Place("Costs", "metrics_home", "dashboard usage spending metrics", "c"),
    Place("Cost reports", "metrics_reports", "csv month ledger", "r"),
    Place("Budgets", "metrics_budgets", "limits spending", "b"),
    Place("Cost reconciliation", "metrics_reconciliation", "turns differences"),
    Place("Prices", "metrics_prices", "models tokens pricing", "p"),
    Place("Mails about costs", "metrics_mails", "e-mail report alerts"),
    Place("Ingest of usage", "metrics_ingest", "spool operators", "", True),
    Place("Notifications", "notification_list", "bell alerts news", "i"),
    Place("Config", "config_home", "account tokens profile settings key webhook push", "u"),
    Place("Change password", "account_change_password", "account login"),
    Place("E-mail addresses", "account_email", "account mail"),
    Place("Two-factor authentication", "mfa_index", "account totp security codes"),
    Place("API documentation", "api:openapi-view", "http json tokens"),
    Place("Administration", "admin:index", "admin users roots", "", True),
)


def places_for(user: User | AnonymousUser) -> Iterator[Place]:
    return (place for place in PLACES if user.is_staff or not place.is_for_staff)
