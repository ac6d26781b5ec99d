"""A conversation as a file: by page and by API, whole, and for who may see it."""

import json
import re

import pytest

from agents import session_export
from agents.session_export import name_file
from tests.agents.factories import make_approval, make_event


@pytest.fixture
def conversation(session, alice):
    make_event(session, 1, kind="user", payload={"isReplay": True, "message": {"content": "Go"}})
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "done"}
    make_event(session, 2, kind="user", payload={"message": {"content": [result]}})
    make_approval(session, tool_use_id="t1", decision="allowed", decided_by=alice)


@pytest.fixture
def download(async_client):
    """The answer to alice, its text gathered as the server sends it."""

    async def get(user, path, **query):
        await async_client.aforce_login(user)
        response = await async_client.get(path, query)
        if response.streaming:
            pieces = [piece async for piece in response.streaming_content]
            response.pieces, response.whole = pieces, b"".join(pieces).decode()
        return response

    return get


def page(agent, file_format):
    return f"/agents/{agent.pk}/conversation.{file_format}"


@pytest.mark.django_db(transaction=True)
async def test_markdown_has_prompts_results_and_who_decided(download, alice, agent, conversation):
    response = await download(alice, page(agent, "md"))
    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert response.whole.startswith("# Fix the cart\n")
    assert "## Prompt\n\n> Go\n" in response.whole
    assert "### Result\n\n```\ndone\n```\n\n*allowed by alice*\n" in response.whole


@pytest.mark.django_db(transaction=True)
async def test_json_lines_have_every_event(download, alice, agent, conversation):
    response = await download(alice, page(agent, "jsonl"))
    lines = [json.loads(line) for line in response.whole.splitlines()]
    assert [line["seq"] for line in lines] == [1, 2]
    assert lines[0]["payload"]["message"] == {"content": "Go"}
    assert lines[0].keys() == {"seq", "kind", "created_at", "payload"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("file_format", ["md", "jsonl"])
async def test_it_comes_in_portions(download, alice, agent, conversation, monkeypatch, file_format):
    monkeypatch.setattr(session_export, "EVENTS_A_PORTION", 1)
    response = await download(alice, page(agent, file_format))
    assert len(response.pieces) == (3 if file_format == "md" else 2)


@pytest.mark.django_db(transaction=True)
async def test_an_empty_conversation_is_a_file_too(download, alice, agent):
    assert (await download(alice, page(agent, "jsonl"))).whole == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("file_format", ["md", "jsonl"])
async def test_api_gives_the_same_file(download, alice, agent, conversation, file_format):
    by_page = await download(alice, page(agent, file_format))
    by_api = await download(alice, f"/api/agents/{agent.pk}/export", format=file_format)
    assert by_api.whole == by_page.whole
    assert by_api.headers["Content-Disposition"] == by_page.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", 'a"; filename="x.exe', "a\r\nSet-Cookie: x", "…", "ünï " * 40]
)
def test_file_has_a_harmless_name(agent, name):
    agent.name = name
    assert re.fullmatch(r"cam-[a-z0-9_-]{1,60}-[0-9a-f]{8}\.md", name_file(agent, "md"))


@pytest.mark.parametrize("path", ["conversation.md", "conversation.jsonl"])
def test_strangers_get_404(client, charlie, agent, path):
    client.force_login(charlie)
    assert client.get(f"/agents/{agent.pk}/{path}").status_code == 404


def test_strangers_get_404_from_the_api(client, charlie, agent):
    client.force_login(charlie)
    assert client.get(f"/api/agents/{agent.pk}/export").status_code == 404


def test_other_formats_are_refused(client, alice, agent):
    client.force_login(alice)
    assert client.get(f"/agents/{agent.pk}/conversation.exe").status_code == 404
    answer = client.get(f"/api/agents/{agent.pk}/export", {"format": "exe"})
    assert answer.status_code == 422
    assert "format" in answer.json()["reason"]


def test_page_rejects_post_and_asks_for_a_login(client, alice, agent):
    assert client.get(page(agent, "md")).url.startswith("/accounts/login/")
    client.force_login(alice)
    assert client.post(page(agent, "md")).status_code == 405


def test_agents_page_offers_both(client, alice, agent):
    client.force_login(alice)
    text = client.get(f"/agents/{agent.pk}/").text
    assert page(agent, "md") in text
    assert page(agent, "jsonl") in text
