from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from metrics_app.model_prices import UnpricedCalls
from metrics_app.models import PriceOverride
from metrics_app.pricing import PRICE_VERSION
from tests.metrics_app.conftest import OPUS, STARTED

pytestmark = pytest.mark.django_db

NOBODY = "claude-nobody-9"
HAIKU = "claude-haiku-4-5"


@pytest.fixture(autouse=True)
def models(settings):
    settings.CAM_MODELS = [OPUS]


@pytest.fixture
def get(client):
    def get(user):
        client.force_login(user)
        return client.get(reverse("metrics_prices"))

    return get


@pytest.fixture
def make_override(db):
    def make(pattern, *, days=-1, **fields):
        prices = {
            f"{name}_price": Decimal(3)
            for name in ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
        }
        starts_at = timezone.now() + timedelta(days=days)
        return PriceOverride.objects.create(
            pattern=pattern, starts_at=starts_at, **(prices | fields)
        )

    return make


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root", "root@example.org", "correct horse")


def models_of(response):
    return [price.model for price in response.context["prices"]]


# Which prices hold


def test_it_shows_the_list_s_prices_and_its_version(get, alice):
    response = get(alice)
    assert models_of(response) == [OPUS]
    assert '<td class="number">0.2</td>' in response.text
    assert PRICE_VERSION in response.text


def test_models_that_one_s_calls_used_are_listed(get, alice, charlie, agent, make_record):
    make_record(agent, model=HAIKU)
    assert models_of(get(alice)) == [HAIKU, OPUS]
    assert models_of(get(charlie)) == [OPUS]


def test_staff_see_everyone_s_models(get, staff, agent, make_record):
    make_record(agent, model=HAIKU)
    assert models_of(get(staff)) == [HAIKU, OPUS]


def test_a_model_that_was_only_asked_for_is_none(get, alice, agent, make_record):
    make_record(agent, model="", requested_model="claude-typo", status=404, cost_usd=None)
    assert models_of(get(alice)) == [OPUS]


def test_the_page_and_the_api_say_the_same(client, get, alice, agent, make_record, make_override):
    make_record(agent, model=NOBODY, cost_usd=None, is_unpriced=True)
    make_override("claude-opus-*", multiplier=Decimal("0.5"))
    shown = [
        (price.model, price.rates and price.rates.input) for price in get(alice).context["prices"]
    ]
    listed = client.get("/api/metrics/pricing").json()["prices"]
    assert shown == [(NOBODY, None), (OPUS, Decimal("1.5"))]
    assert [(price["model"], price["input_usd"]) for price in listed] == [
        (NOBODY, None),
        (OPUS, "1.5"),
    ]


def test_a_site_without_models_says_so(get, alice, settings):
    settings.CAM_MODELS = []
    assert "offers no model yet" in get(alice).text


# Prices of the site


def test_an_override_is_named_with_its_multiplier(get, alice, make_override):
    make_override("claude-opus-*", multiplier=Decimal("0.9"), note="Contract 7")
    text = get(alice).text
    assert "claude-opus-* since" in text
    assert "its prices times 0.9" in text
    assert '<td class="number">2.7</td>' in text


def test_a_factor_of_1_is_not_told(get, alice, make_override):
    make_override("claude-opus-*")
    assert "its prices times" not in get(alice).text


def test_the_factor_for_the_us_is_told(get, alice):
    assert "inference in the US only costs 1.1 times" in get(alice).text


def test_overrides_in_force_and_to_come_are_listed_and_no_replaced_ones(get, alice, make_override):
    make_override("claude-opus-*", days=-30)
    now = make_override("claude-opus-*", days=-1)
    later, last = make_override("claude-opus-*", days=1), make_override("claude-opus-*", days=2)
    listed = get(alice).context["overrides"]
    assert [(one.row, one.is_in_force, one.models) for one in listed] == [
        (now, True, (OPUS,)),
        (later, False, ()),
        (last, False, ()),
    ]


def test_an_override_that_a_newer_one_goes_before_holds_for_none(get, alice, make_override):
    make_override("claude-*", days=-3)
    make_override("claude-opus-*", days=-1)
    assert "none of the above" in get(alice).text
    assert [one.models for one in get(alice).context["overrides"]] == [(), (OPUS,)]


def test_notes_are_for_staff(get, alice, staff, make_override):
    make_override("claude-opus-*", note="Contract 7")
    assert "Contract 7" not in get(alice).text
    assert "Contract 7" in get(staff).text


def test_without_overrides_the_page_says_so(get, alice):
    assert f"None: all prices are those of {PRICE_VERSION}" in get(alice).text


# Calls without a price


@pytest.fixture
def unpriced(agent, make_record):
    for days in (0, 2):
        started_at = STARTED - timedelta(days=days)
        make_record(agent, model=NOBODY, cost_usd=None, is_unpriced=True, started_at=started_at)


def test_unpriced_calls_are_counted_and_never_0(get, alice, unpriced):
    text = get(alice).text
    assert f"<strong>{NOBODY}</strong>: 2 calls, from 21 Nov 2026 to 23 Nov 2026" in text
    assert '<span class="flag">no price</span>' in text
    assert '<td class="number">0</td>' not in text


def test_users_get_no_tools_of_staff(get, alice, unpriced):
    text = get(alice).text
    assert "manage.py" not in text
    assert "/priceoverride/" not in text


def test_staff_are_told_what_to_run(get, staff, unpriced):
    text = get(staff).text
    assert f"manage.py reprice --from 2026-11-21 --to 2026-11-23 --model={NOBODY}" in text
    assert "/priceoverride/" not in text


def test_who_may_add_prices_gets_a_form_that_has_the_model(client, get, root, unpriced):
    url = reverse("admin:metrics_app_priceoverride_add") + f"?pattern={NOBODY}"
    assert f'href="{url}"' in get(root).text
    assert f'value="{NOBODY}"' in client.get(url).text


def test_the_command_is_enough_once_there_is_a_price(get, staff, unpriced, make_override):
    make_override(NOBODY)
    text = get(staff).text
    assert "It has a price now" in text
    assert "Add a price" not in text


def test_an_owed_call_that_no_model_answered_counts(get, alice, agent, make_record):
    make_record(agent, model="", requested_model=NOBODY, cost_usd=None, is_unpriced=True)
    assert models_of(get(alice)) == [NOBODY, OPUS]


def test_without_unpriced_calls_the_page_says_so(get, alice):
    assert "every call that costs has its price" in get(alice).text


def test_a_model_s_name_does_nothing_in_a_shell_or_a_page(get, staff, agent, make_record):
    make_record(agent, model="<b>'; rm -rf ~", cost_usd=None, is_unpriced=True)
    response = get(staff)
    assert "<b>" not in response.text
    (price,) = response.context["unpriced"]
    assert price.unpriced.reprice_command.endswith("""--model='<b>'"'"'; rm -rf ~'""")


def test_a_pattern_is_offered_in_small_letters():
    calls = UnpricedCalls(" Claude-X[1m]", 1, STARTED.date(), STARTED.date())
    assert calls.override_query == "pattern=claude-x%5B1m%5D"


# Ways in


def test_queries_do_not_grow_with_calls(client, alice, unpriced, django_assert_num_queries):
    client.force_login(alice)
    # Session, user, models with calls, overrides twice; alerts of budgets; permissions twice.
    with django_assert_num_queries(8):
        client.get(reverse("metrics_prices"))


def test_it_asks_for_login(client):
    response = client.get(reverse("metrics_prices"))
    assert response.status_code == 302
    assert reverse("account_login") in response.url


def test_it_rejects_post(client, alice):
    client.force_login(alice)
    assert client.post(reverse("metrics_prices")).status_code == 405
