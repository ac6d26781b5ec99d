from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from django.http import QueryDict
from django.utils import timezone

from metrics_app.dashboard.forms import DashboardForm
from metrics_app.dashboard.selection import SeriesBy
from metrics_app.presets import Preset, Unit
from metrics_app.ranges import DayRange
from tests.metrics_app.conftest import OPUS

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 23)
DAYS_30 = Preset.DAYS_30.days(TODAY)


def read(viewer, query=""):
    return DashboardForm(QueryDict(query), viewer, TODAY)


def choices_of(form, name):
    form.offer_choices()
    return [label for _, label in form.fields[name].widget.choices]


def test_nothing_asked_for_is_30_days_of_all_that_the_viewer_sees(alice):
    form = read(alice)
    selection = form.selection
    assert (selection.days, selection.by, selection.unit) == (DAYS_30, SeriesBy.MODEL, None)
    assert (selection.user_id, selection.workspace, selection.agent_id) == (None, "", None)
    assert (form.url, form.chips, form.is_narrowed) == ("/metrics/", [], False)


@pytest.mark.parametrize("preset", Preset)
def test_presets_stand_in_the_url(alice, preset):
    assert read(alice, f"range={preset}").selection.days == preset.days(TODAY)


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("from=2026-11-01&to=2026-11-08", DayRange(date(2026, 11, 1), date(2026, 11, 8))),
        ("from=2026-11-01", DayRange(date(2026, 11, 1), date(2026, 11, 24))),
        ("from=2026-12-01", DayRange(date(2026, 12, 1), date(2026, 12, 2))),
        ("to=2026-11-08", DayRange(date(2026, 10, 9), date(2026, 11, 8))),
        ("range=today&from=2026-11-01&to=2026-11-02", DayRange.of_day(date(2026, 11, 1))),
    ],
)
def test_days_go_before_a_preset_and_either_end_may_be_left_out(alice, query, days):
    form = read(alice, query)
    assert form.errors == {}
    assert form.selection.days == days
    assert form.preset is None
    assert [chip.name for chip in form.chips] == ["Days"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("range=yesterday", "range"),
        ("range=%00", "range"),
        ("from=1999-01-01", "from"),
        ("from=banana&to=2026-11-02", "from"),
        ("from=2026-11-02&to=9999-99-99", "to"),
        ("from=2026-11-02&to=2026-11-02", "to"),
        ("workspace=/srv/nowhere", "workspace"),
        ("workspace=%00", "workspace"),
        ("agent=banana", "agent"),
        (f"agent={UUID(int=1)}", "agent"),
        ("model=gpt", "model"),
        ("model=%00", "model"),
        ("by=cost", "by"),
        ("unit=second", "unit"),
        ("unit=hour", "unit"),
        ("unit=hour&range=all", "unit"),
        (f"model={'x' * 5000}", "model"),
    ],
)
def test_a_wrong_value_is_told_and_its_default_holds(alice, query, field):
    form = read(alice, query)
    assert list(form.errors) == [field]
    selection = form.selection
    assert selection.days in (DAYS_30, None)
    assert (selection.workspace, selection.agent_id, selection.model) == ("", None, "")
    assert (selection.by, selection.unit) == (SeriesBy.MODEL, None)


def test_what_is_right_holds_beside_what_is_wrong(alice):
    form = read(alice, "range=7d&by=tokens&model=gpt")
    assert form.selection.by == SeriesBy.TOKENS
    assert form.url == "/metrics/?range=7d&by=tokens"


def test_hours_are_for_short_ranges(alice):
    form = read(alice, "range=7d&unit=hour")
    assert form.selection.unit == Unit.HOUR
    month = next(link for link in form.preset_links if link.label == "30 days")
    assert "unit" not in month.url


def test_own_agents_workspaces_and_models_are_offered(alice, bob, make_agent, make_record):
    make_record(make_agent(alice, "mine"))
    make_record(make_agent(alice, "gone", deleted_at=timezone.now()))
    make_record(make_agent(bob, "other", workspace="/srv/secret"), model="claude-secret")
    form = read(alice)
    assert choices_of(form, "agent") == ["All agents", "gone, deleted", "mine"]
    assert choices_of(form, "workspace") == ["All workspaces", "/srv/code"]
    assert choices_of(form, "model") == ["All models", OPUS]
    assert "user" not in form.fields


def test_what_is_of_others_cannot_be_told_from_what_is_not_there(
    alice, bob, make_agent, make_record
):
    other = make_agent(bob, "other", workspace="/srv/secret")
    make_record(other, model="claude-secret")
    for name, there in (
        ("agent", other.pk),
        ("workspace", "/srv/secret"),
        ("model", "claude-secret"),
    ):
        nowhere = uuid4() if name == "agent" else "nothing"
        forms = [read(alice, f"{name}={value}") for value in (there, nowhere)]
        assert forms[0].errors == forms[1].errors
        assert forms[0].url == "/metrics/"


def test_only_staff_choose_a_user(alice, bob, staff):
    assert read(staff, "user=bob").selection.user_id == bob.pk
    assert choices_of(read(staff), "user") == ["Everyone", "alice", "bob", "staff"]
    assert list(read(staff, "user=nobody").errors) == ["user"]
    ignored = read(alice, "user=bob")
    assert (ignored.errors, ignored.selection.user_id) == ({}, None)


def test_only_staff_split_by_user(alice, staff):
    assert read(staff, "by=user").selection.by == SeriesBy.USER
    assert list(read(alice, "by=user").errors) == ["by"]
    assert [link.label for link in read(alice).series_links] == ["Model", "Workspace", "Token type"]


def test_staff_are_offered_what_the_chosen_user_has(bob, agent, staff, make_agent):
    make_agent(bob, "other", workspace="/srv/docs")
    assert choices_of(read(staff), "agent") == ["All agents", "other (bob)", "fixer (alice)"]
    of_bob = read(staff, f"user=bob&agent={agent.pk}")
    assert choices_of(of_bob, "agent") == ["All agents", "other (bob)", "fixer (alice)"]
    assert choices_of(read(staff, "user=bob"), "workspace") == ["All workspaces", "/srv/docs"]


def test_of_many_agents_the_newest_and_the_chosen_are_offered(alice, make_agent, monkeypatch):
    monkeypatch.setattr("metrics_app.dashboard.forms.MAX_CHOICES", 2)
    oldest, *_ = [make_agent(alice, f"agent {number}") for number in range(4)]
    form = read(alice, f"agent={oldest.pk}")
    assert choices_of(form, "agent") == ["All agents", "agent 3", "agent 2", "agent 0"]


def test_a_model_beyond_those_that_are_offered_can_be_chosen(
    alice, agent, make_record, monkeypatch
):
    monkeypatch.setattr("metrics_app.dashboard.forms.MAX_CHOICES", 1)
    for model in ("a", "b"):
        make_record(agent, model=model)
    form = read(alice, "model=b")
    assert form.selection.model == "b"
    assert choices_of(form, "model") == ["All models", "a", "b"]


def test_chips_name_the_filters_and_clear_them_one_by_one(agent, staff, make_record):
    make_record(agent)
    query = f"range=7d&user=alice&workspace=%2Fsrv%2Fcode&agent={agent.pk}&model={OPUS}"
    form = read(staff, query)
    assert [(chip.name, chip.value) for chip in form.chips] == [
        ("User", "alice"),
        ("Workspace", "/srv/code"),
        ("Agent", "fixer (alice)"),
        ("Model", OPUS),
    ]
    cleared = read(staff, form.chips[2].clear_url.partition("?")[2])
    assert cleared.selection.agent_id is None
    assert (cleared.preset, cleared.selection.model) == (Preset.WEEK, OPUS)


def test_without_the_days_no_unit_is_left_that_they_alone_allowed(alice):
    (days,) = read(alice, "from=2026-11-20&unit=hour").chips
    assert read(alice, days.clear_url.partition("?")[2]).errors == {}


def test_the_url_of_a_selection_makes_the_same_selection(agent, staff, make_record):
    make_record(agent)
    form = read(staff, f"from=2026-11-20&to=&unit=hour&by=user&agent={agent.pk}&user=&junk=1")
    assert form.url == f"/metrics/?from=2026-11-20&agent={agent.pk}&unit=hour&by=user"
    assert read(staff, form.url.partition("?")[2]).selection == form.selection


def test_units_are_offered_where_there_is_a_choice(alice):
    form = read(alice, "range=7d")
    week = form.selection.days
    assert [link.label for link in form.unit_links(week, Unit.DAY)] == ["Hour", "Day"]
    assert form.unit_links(DAYS_30, Unit.DAY) == []
    assert form.unit_links(DayRange(TODAY, TODAY + timedelta(days=900)), Unit.MONTH) == []


def test_the_report_is_of_the_same_days_and_user(staff, bob):
    form = read(staff, "from=2026-11-01&to=2026-11-08&user=bob")
    url = form.report_link(form.selection.days)
    assert url == "/metrics/reports/?by=agent&user=bob&from=2026-11-01&to=2026-11-08"


def test_only_what_is_set_is_looked_up_and_choices_take_four_queries(
    agent, staff, make_record, django_assert_num_queries
):
    make_record(agent)
    with django_assert_num_queries(0):
        form = read(staff)
    with django_assert_num_queries(4):
        form.offer_choices()
    with django_assert_num_queries(4):
        read(staff, f"user=alice&workspace=/srv/code&agent={agent.pk}&model={OPUS}")
