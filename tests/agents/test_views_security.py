"""The page of an agent's container and egress, and its summary on the agent's page."""

import pytest

from tests.agents.factories import make_event, make_inspection


@pytest.fixture
def url(agent):
    return f"/agents/{agent.pk}/security/"


def test_page_shows_every_line_as_ok(client, alice, session, url):
    make_inspection(session)
    client.force_login(alice)
    page = client.get(url).text
    assert "none but the gateway&#x27;s socket" in page
    assert "held as asked for, in every line" in page
    assert "deviates" not in page


def test_deviation_is_a_warning_on_both_pages(client, alice, agent, session, url):
    make_inspection(session, network="bridge", read_only_root=False)
    client.force_login(alice)
    page = client.get(url).text
    assert "The container is not held as asked for." in page
    assert page.count("deviates:") == 2
    summary = client.get(f"/agents/{agent.pk}/").text
    assert "Not held as asked for:" in summary
    assert "network, root file system" in summary


def test_before_the_first_start_there_is_nothing_to_tell(client, alice, agent, url):
    client.force_login(alice)
    assert "has not been started yet" in client.get(url).text
    assert "Checked at the start" in client.get(f"/agents/{agent.pk}/").text


def test_summary_looks_again_until_the_container_is_there(client, alice, agent, session, url):
    client.force_login(alice)
    htmx = {"HX-Request": "true"}
    before = client.get(url, headers=htmx).text
    assert f'hx-get="{url}"' in before
    assert "<html" not in before
    make_inspection(session)
    after = client.get(url, headers=htmx).text
    assert "Held as asked for" in after
    assert "hx-get" not in after


def test_the_latest_session_counts(client, alice, agent, session, url):
    make_inspection(session, network="bridge")
    session.ended_at = session.created_at
    session.save()
    make_inspection(agent.sessions.create(number=2))
    client.force_login(alice)
    page = client.get(url).text
    assert "session 2" in page
    assert "deviates" not in page


@pytest.mark.parametrize(
    ("version", "shown"),
    [("2.1.330", "2.1.330"), (["<b>"], "not said yet"), ("\u202e", "⟨U+202E⟩")],
)
def test_version_is_what_the_cli_said_of_itself(client, alice, session, url, version, shown):
    make_inspection(session)
    make_event(
        session, 1, kind="system", payload={"subtype": "init", "claude_code_version": version}
    )
    client.force_login(alice)
    assert shown in client.get(url).text


def test_strangers_get_404(client, charlie, session, url):
    make_inspection(session)
    client.force_login(charlie)
    assert client.get(url).status_code == 404


def test_it_rejects_post(client, alice, url):
    client.force_login(alice)
    assert client.post(url).status_code == 405


def test_it_asks_for_a_login(client, url):
    assert client.get(url).url.startswith("/accounts/login/")
