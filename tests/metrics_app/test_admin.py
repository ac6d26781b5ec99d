import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from metrics_app.models import SpoolCheckpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client, db):
    client.force_login(User.objects.create_superuser("root", "root@example.org", "correct horse"))
    return client


def test_the_list_of_calls_can_be_searched(admin, agent, make_record):
    make_record(agent)
    response = admin.get(reverse("admin:metrics_app_usagerecord_changelist"), {"q": "alice"})
    assert response.status_code == 200
    assert response.context["cl"].result_count == 1


def test_the_list_does_not_query_for_each_call(
    admin, agent, make_record, django_assert_max_num_queries
):
    for _ in range(10):
        make_record(agent)
    with django_assert_max_num_queries(15):
        admin.get(reverse("admin:metrics_app_usagerecord_changelist"))


def test_a_call_can_be_looked_at_and_not_changed(admin, agent, make_record):
    record = make_record(agent)
    url = reverse("admin:metrics_app_usagerecord_change", args=[record.pk])
    assert admin.get(url).status_code == 200
    assert admin.post(url, {"cost_usd": "0"}).status_code == 403


@pytest.mark.parametrize("model", ["usagerecord", "spoolcheckpoint"])
def test_nothing_can_be_added(admin, model):
    assert admin.get(reverse(f"admin:metrics_app_{model}_add")).status_code == 403


def test_nothing_can_be_deleted(admin, agent, make_record):
    record = make_record(agent)
    checkpoint = SpoolCheckpoint.objects.create(node="local", name="usage-1.jsonl")
    for row in (record, checkpoint):
        url = reverse(f"admin:metrics_app_{row._meta.model_name}_delete", args=[row.pk])
        assert admin.post(url, {"post": "yes"}).status_code == 403


def test_the_list_of_checkpoints_shows_how_far_a_file_is_read(admin):
    SpoolCheckpoint.objects.create(node="local", name="usage-1.jsonl", offset=4711)
    response = admin.get(reverse("admin:metrics_app_spoolcheckpoint_changelist"))
    assert "4711" in response.text
