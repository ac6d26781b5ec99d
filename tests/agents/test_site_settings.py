"""What staff change while the portal runs: in force at once, told who it was, and back again."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from agents import site_settings
from agents.errors import InvalidRequest
from agents.forms import LaunchForm
from agents.models import SiteSetting, SiteSettingChange
from agents.site_settings import Store, change, current, reset


@pytest.fixture(autouse=True)
def store(db, monkeypatch):
    """A process that has read nothing yet."""
    store = Store()
    monkeypatch.setattr(site_settings, "store", store)
    return store


def test_env_says_it_until_somebody_changes_it(settings, staff):
    settings.CAM_MAX_AGENTS_PER_USER = 7
    assert current("CAM_MAX_AGENTS_PER_USER") == 7
    change("CAM_MAX_AGENTS_PER_USER", " 3 ", user=staff)
    assert current("CAM_MAX_AGENTS_PER_USER") == 3
    reset("CAM_MAX_AGENTS_PER_USER", user=staff)
    assert current("CAM_MAX_AGENTS_PER_USER") == 7


def test_values_are_typed(staff):
    change("CAM_SIGNUP_OPEN", "true", user=staff)
    change("CAM_MODELS", "claude-house-1, claude-house-2", user=staff)
    assert current("CAM_SIGNUP_OPEN") is True
    assert current("CAM_MODELS") == ["claude-house-1", "claude-house-2"]
    assert dict(LaunchForm().fields["model"].choices).keys() == {"claude-house-1", "claude-house-2"}


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("CAM_MODELS", ""),
        ("CAM_MODELS", ",,"),
        ("CAM_MODELS", "--dangerous"),
        ("CAM_MODELS", "two words"),
        ("CAM_MODELS", "x" * 101),
        ("CAM_MAX_AGENTS_PER_USER", ""),
        ("CAM_MAX_AGENTS_PER_USER", "0"),
        ("CAM_MAX_AGENTS_PER_USER", "1e3"),
        ("CAM_MAX_AGENTS_PER_USER", "9" * 5000),
        ("CAM_EGRESS_HOSTS", "*"),
        ("CAM_EGRESS_HOSTS", "https://pypi.org"),
        ("CAM_EGRESS_HOSTS", "10.0.0.1"),
        ("CAM_SIGNUP_OPEN", "perhaps"),
        ("CAM_NOTIFICATION_KEEP_DAYS", "-1"),
    ],
)
def test_bad_value_changes_nothing(staff, name, raw):
    with pytest.raises(InvalidRequest):
        change(name, raw, user=staff)
    assert not SiteSetting.objects.exists()
    assert not SiteSettingChange.objects.exists()


def test_no_hosts_at_all_is_a_value(staff):
    change("CAM_EGRESS_HOSTS", "", user=staff)
    assert current("CAM_EGRESS_HOSTS") == []


def test_every_change_is_told(staff, settings):
    settings.CAM_MAX_AGENTS_PER_USER = 7
    change("CAM_MAX_AGENTS_PER_USER", "3", user=staff)
    change("CAM_MAX_AGENTS_PER_USER", "4", user=staff)
    reset("CAM_MAX_AGENTS_PER_USER", user=staff)
    told = SiteSettingChange.objects.order_by("pk").values_list("before", "after", "is_reset")
    assert list(told) == [("7", "3", False), ("3", "4", False), ("4", "7", True)]
    assert {row.changed_by for row in SiteSettingChange.objects.all()} == {staff}


def test_same_again_is_quiet(staff):
    assert change("CAM_SIGNUP_OPEN", "true", user=staff)
    assert not change("CAM_SIGNUP_OPEN", "yes", user=staff)
    assert reset("CAM_SIGNUP_OPEN", user=staff)
    assert not reset("CAM_SIGNUP_OPEN", user=staff)
    assert SiteSettingChange.objects.count() == 2


def test_another_process_follows_within_a_second(staff, monkeypatch):
    other = Store()
    other.read()
    change("CAM_MAX_AGENTS_PER_USER", "3", user=staff)
    assert "CAM_MAX_AGENTS_PER_USER" not in other.read()
    other.checked_at -= site_settings.CHECK_EVERY_SECONDS
    assert other.read()["CAM_MAX_AGENTS_PER_USER"] == 3


def test_kept_values_cost_no_query_and_a_look_costs_one(store, django_assert_num_queries):
    current("CAM_MODELS")
    with django_assert_num_queries(0):
        current("CAM_MODELS")
    store.checked_at = float("-inf")
    with django_assert_num_queries(1):
        current("CAM_MODELS")


def test_row_that_an_update_made_wrong_is_passed_over(settings):
    SiteSetting.objects.create(name="CAM_MAX_AGENTS_PER_USER", value="many")
    SiteSetting.objects.create(name="SECRET_KEY", value="mine")
    SiteSettingChange.objects.create(name="x")
    assert current("CAM_MAX_AGENTS_PER_USER") == settings.CAM_MAX_AGENTS_PER_USER
    assert current("SECRET_KEY") == settings.SECRET_KEY


def test_secrets_are_in_no_changeable_setting():
    assert not {name for name in site_settings.changeable() if "KEY" in name or "TOKEN" in name}


def test_limit_is_the_changed_one(staff, alice, workspace, agent):
    from agents.errors import LimitReached
    from agents.services import launch_agent

    change("CAM_MAX_AGENTS_PER_USER", "1", user=staff)
    with pytest.raises(LimitReached):
        launch_agent(owner=alice, workspace=str(workspace))


def test_parsers_are_those_of_the_start(settings):
    """Whatever `.env` may say, the page may say too."""
    for name, about in site_settings.changeable().items():
        value = getattr(settings, name)
        try:
            assert about.parse(site_settings.show(value)) == value
        except ImproperlyConfigured as exc:
            raise AssertionError(name) from exc
