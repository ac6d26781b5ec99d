import pytest

from agents.models import Notification
from tests.agents.factories import make_agent


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def told(agent, alice):
    return Notification.objects.create(user=alice, agent=agent, kind="failed", occasion="1")


def test_list_is_empty_at_first(as_alice):
    assert "Nothing yet." in as_alice.get("/notifications/").text


def test_list_tells_kinds_apart_and_what_is_unread(as_alice, told, agent, alice):
    Notification.objects.create(
        user=alice, agent=agent, kind="finished", occasion="1", read_at=told.created_at
    )
    page = as_alice.get("/notifications/").text
    assert page.count("Unread:") == 1
    assert "has failed" in page
    assert "has finished its turn" in page


def test_opening_one_leads_to_its_agent_and_reads_it(as_alice, told):
    for _ in range(2):
        assert as_alice.get(f"/notifications/{told.pk}/").url == f"/agents/{told.agent_id}/"
    told.refresh_from_db()
    assert told.read_at


def test_all_are_read_at_once_but_not_those_of_others(as_alice, told, bob):
    Notification.objects.create(user=bob, agent=make_agent(bob), kind="ended", occasion="1")
    for _ in range(2):
        assert as_alice.post("/notifications/read/").url == "/notifications/"
    assert [row.user for row in Notification.objects.filter(read_at=None)] == [bob]


def test_notification_of_another_is_404_and_not_listed(client, charlie, told):
    client.force_login(charlie)
    assert client.get(f"/notifications/{told.pk}/").status_code == 404
    assert "Fix the cart" not in client.get("/notifications/").text
    told.refresh_from_db()
    assert told.read_at is None


def test_names_are_escaped(as_alice, alice):
    agent = make_agent(alice, name="<b onclick=x>")
    Notification.objects.create(user=alice, agent=agent, kind="ended", occasion="1")
    assert "<b onclick" not in as_alice.get("/notifications/").text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("post", "/notifications/", 405),
        ("post", "/notifications/1/", 405),
        ("get", "/notifications/read/", 405),
        ("post", "/sw.js", 405),
        ("get", "/notifications/99999999999999999999/", 404),
    ],
)
def test_wrong_methods_and_numbers(as_alice, method, path, status):
    assert getattr(as_alice, method)(path).status_code == status


def test_service_worker_comes_from_the_root_with_the_policy_kept(client, db):
    response = client.get("/sw.js")
    assert response["Content-Type"].startswith("text/javascript")
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "notificationclick" in response.text
