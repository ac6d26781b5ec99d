"""What mails about costs say: a text, the same as HTML, the sums as CSV."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from metrics_app.exports import describe_totals, to_csv
from metrics_app.ledger import Grouping, Report, ReportLine, Selection
from metrics_app.querysets import UsageTotals
from metrics_app.ranges import DayRange
from metrics_app.templatetags.usage import cost_text, usd

TOP_LINES = 10
MAX_NAME_CHARACTERS = 100


def one_line(text: str) -> str:
    """A name without line breaks and other characters that steer a display, cut to a line's length."""
    visible = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(visible.split())[:MAX_NAME_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    totals: UsageTotals


@dataclass(frozen=True, slots=True)
class Section:
    """The most expensive groups, and the rest as one."""

    heading: str
    lines: tuple[Line, ...]
    rest_count: int
    rest: UsageTotals


@dataclass(frozen=True, slots=True)
class MonthlyCosts:
    """What the reader may see of a month and of the one before. `reports` are of the same calls."""

    days: DayRange
    days_before: DayRange
    is_everyone: bool
    total: UsageTotals
    before: UsageTotals
    reports: tuple[Report, ...]

    @property
    def sections(self) -> list[Section]:
        return [make_section(report, names_owners=self.is_everyone) for report in self.reports]

    @property
    def change(self) -> str:
        """Against the month before, in words; without a figure where one of the two is not known."""
        if not self.before.calls:
            return f"{self.days_before} had no calls."
        if self.before.is_unknown or self.total.is_unknown:
            return f"It cannot be compared with {self.days_before}: calls lack a price."
        difference = self.total.cost_usd - self.before.cost_usd
        if not difference:
            return f"The same as in {self.days_before}."
        word = "more" if difference > 0 else "less"
        before = usd(self.before.cost_usd)
        share = f", {abs(difference) / self.before.cost_usd:.1%}" if self.before.cost_usd else ""
        return f"{usd(abs(difference))} {word} than in {self.days_before} ({before}){share}."


def sum_month(reader: User, days: DayRange) -> MonthlyCosts:
    """The reader's own calls; everyone's for staff. A query for each grouping and one for the month before."""
    groupings = [Grouping.AGENT, Grouping.MODEL, Grouping.WORKSPACE]
    if reader.is_staff:
        groupings.insert(0, Grouping.USER)
    reports = tuple(Selection(days, grouping).report(reader) for grouping in groupings)
    days_before = DayRange.parse_month(days.month_before)
    return MonthlyCosts(
        days=days,
        days_before=days_before,
        is_everyone=reader.is_staff,
        total=reports[0].total,
        before=Selection(days_before).report(reader).total,
        reports=reports,
    )


def make_section(report: Report, *, names_owners: bool) -> Section:
    top, rest = report.lines[:TOP_LINES], report.lines[TOP_LINES:]
    return Section(
        heading=f"By {report.grouping.label.lower()}",
        lines=tuple(Line(name_line(line, names_owners), line.totals) for line in top),
        rest_count=len(rest),
        rest=sum((line.totals for line in rest), UsageTotals()),
    )


def name_line(line: ReportLine, names_owners: bool) -> str:
    owner = f" of {one_line(line.owner)}" if names_owners and line.owner else ""
    deleted = " (deleted)" if line.is_deleted else ""
    return f"{one_line(line.label) or 'no model'}{owner}{deleted}"


def make_csv(costs: MonthlyCosts) -> str:
    """The total and every group, with all digits."""
    figures = list(describe_totals(costs.total))
    rows: list[list[Any]] = [["by", "key", "name", "owner", *figures]]
    rows.append(["total", "", "", "", *describe_totals(costs.total).values()])
    rows += [
        [report.grouping.value, line.key, line.label, line.owner, *values]
        for report in costs.reports
        for line in report.lines
        for values in [describe_totals(line.totals).values()]
    ]
    return to_csv(rows)


def make_report_message(reader: User, days: DayRange) -> EmailMultiAlternatives:
    costs = sum_month(reader, days)
    whose = "everyone's agents" if costs.is_everyone else "your agents"
    query = urlencode({"month": days.slug, "by": costs.reports[0].grouping.value})
    context = {"costs": costs, "whose": whose, "url": link("metrics_reports", query)}
    subject = f"Cost of {whose} in {days}: {cost_text(costs.total)}"
    message = _make_message(reader, subject, "monthly_report", context)
    message.attach(f"cam-costs-{days.slug}.csv", make_csv(costs), "text/csv")
    return message


@dataclass(frozen=True, slots=True)
class BudgetAlert:
    """A budget that passed a threshold in its period; `path` is the page that tells more, as `/metrics/...`."""

    budget_id: int
    whose: str
    period: str
    threshold_percent: int
    spent_usd: Decimal
    limit_usd: Decimal
    resets_at: datetime
    path: str

    @property
    def occasion(self) -> str:
        return f"budget {self.budget_id}, {self.period}, {self.threshold_percent} %"

    @property
    def title(self) -> str:
        return f"Budget of {one_line(self.whose)}: {self.threshold_percent} % used"

    def to_facts(self) -> dict[str, Any]:
        return {
            "budget_id": self.budget_id,
            "whose": self.whose,
            "period": self.period,
            "threshold_percent": self.threshold_percent,
            "spent_usd": str(self.spent_usd),
            "limit_usd": str(self.limit_usd),
            "resets_at": self.resets_at.isoformat(),
            "path": self.path,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> "BudgetAlert":
        return cls(
            **facts
            | {
                "spent_usd": Decimal(facts["spent_usd"]),
                "limit_usd": Decimal(facts["limit_usd"]),
                "resets_at": datetime.fromisoformat(facts["resets_at"]),
            }
        )


def make_alert_message(reader: User, alert: BudgetAlert) -> EmailMultiAlternatives:
    context = {
        "alert": alert,
        "whose": one_line(alert.whose),
        "url": f"{settings.CAM_PUBLIC_URL}{alert.path}",
    }
    return _make_message(reader, alert.title, "budget_alert", context)


def link(view: str, query: str = "") -> str:
    return f"{settings.CAM_PUBLIC_URL}{reverse(view)}{'?' if query else ''}{query}"


def _make_message(
    reader: User, subject: str, template: str, context: dict[str, Any]
) -> EmailMultiAlternatives:
    context |= {"reader": one_line(reader.get_username()), "mails_url": link("metrics_mails")}
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"{template}.txt", context, using="plain_text"),
        to=[reader.email],
        headers={"Auto-Submitted": "auto-generated"},
    )
    html = render_to_string(f"metrics_app/mail/{template}.html", context)
    message.attach_alternative(html, "text/html")
    return message
