import pytest
from django.urls import reverse

from agents import services
from agents.event_text import event_text
from agents.models import EventText
from agents.search import MAX_FOUND, make_snippet, search_lines, split_words
from tests.agents.factories import make_agent, make_event, make_session


@pytest.fixture
def say(session):
    """Store a line as the recorder does."""

    def store(text, *, session=session):
        seq = session.agent.events.count() + 1
        event = make_event(session, seq, payload={"message": {"content": text}})
        shown = event_text(event.kind, event.payload)
        EventText.objects.create(event=event, agent=session.agent, text=shown)
        return seq

    return store


def seqs(user, asked, **only):
    return [found.seq for found in search_lines(user, asked, **only).found]


def test_lines_with_every_word_are_found_newest_first(say, alice):
    first = say("The sqlite timeout is 5 seconds")
    say("The timeout is gone")
    last = say("SQLite has no such timeout")
    assert seqs(alice, "timeout sqlite") == [last, first]
    assert seqs(alice, "nothing like it") == []


@pytest.mark.parametrize("asked", ["cart", "cart.py", "CART.PY", "total", "src/cart", "total_pri"])
def test_names_in_code_are_found_by_their_parts(say, alice, asked):
    line = say("def total_price(): in /workspace/src/cart.py")
    assert seqs(alice, asked) == [line]


def test_only_the_last_word_may_be_a_beginning(say, alice):
    say("timeouts everywhere")
    assert seqs(alice, "timeo")
    assert not seqs(alice, "timeo everywhere")


@pytest.mark.parametrize(
    "asked",
    ["", " ", '"', "NEAR(a b)", "a OR b", "*", "-x", "a:b", "' ; --", "\0", "(", "%", "a & !b"],
)
def test_operators_are_words_or_nothing(say, alice, asked):
    say("hello")
    assert seqs(alice, asked) == []


def test_others_lines_are_not_found(say, alice, bob, charlie, agent):
    say("secret plan")
    assert seqs(charlie, "secret") == []
    services.share_agent(agent, bob, "view", by=alice)
    assert seqs(bob, "secret") == [1]


def test_one_agent_is_searched(say, alice, agent):
    other = make_session(make_agent(alice, name="Other"))
    say("shared word")
    say("shared word", session=other)
    assert len(seqs(alice, "shared")) == 2
    assert seqs(alice, "shared", agent_id=other.agent_id) == [1]


def test_found_lines_are_bounded(say, alice):
    for _ in range(MAX_FOUND + 1):
        say("again")
    result = search_lines(alice, "again")
    assert (len(result.found), result.has_more) == (MAX_FOUND, True)


def test_deleted_agents_lines_are_gone(say, alice, agent, session):
    say("gone soon")
    session.events.all().delete()
    assert seqs(alice, "gone") == []


def test_search_is_one_query(say, alice, django_assert_num_queries):
    say("once")
    with django_assert_num_queries(1):
        search_lines(alice, "once")


def test_snippet_shows_where_the_first_word_is():
    snippet = make_snippet("x" * 200 + " needle " + "y" * 500, ["needle"])
    assert (snippet.hit, snippet.before[0], snippet.after[-1]) == ("needle", "…", "…")
    assert make_snippet("short", ["no"]).after == "short"


def test_words_are_letters_and_digits():
    assert split_words("foo_bar-baz ünï 42!") == ["foo", "bar", "baz", "ünï", "42"]


def test_page_finds_and_links_to_the_line(say, as_alice, agent):
    say("look at <b>this</b> needle")
    content = as_alice.get(reverse("line_search"), {"q": "needle"}).content.decode()
    assert f"/agents/{agent.pk}/?at=1#event-1" in content
    assert ("<mark>needle</mark>" in content, "<b>this</b>" in content) == (True, False)


def test_page_without_words_says_what_is_searched(as_alice):
    assert "All words that agents wrote" in as_alice.get(reverse("line_search")).content.decode()


@pytest.mark.parametrize("query", [{"q": "x" * 201}, {"q": "x", "agent": "nonsense"}])
def test_page_refuses_bad_queries_in_words(as_alice, query):
    content = as_alice.get(reverse("line_search"), query).content.decode()
    assert 'class="error"' in content


def test_stranger_cannot_choose_the_agent(as_charlie, agent):
    query = {"q": "x", "agent": str(agent.pk)}
    content = as_charlie.get(reverse("line_search"), query).content.decode()
    assert agent.name not in content
    assert 'class="error"' in content


def test_api_finds_lines(say, as_alice, as_charlie, agent):
    say("look at this needle")
    answer = as_alice.get("/api/search", {"q": "needle"}).json()
    assert [(found["seq"], found["agent_id"]) for found in answer["found"]] == [(1, str(agent.pk))]
    assert "look at this needle" in answer["found"][0]["text"]
    assert as_charlie.get("/api/search", {"q": "needle"}).json()["found"] == []
    assert as_alice.get("/api/search").status_code == 422


def test_text_of_a_line_is_what_its_row_shows():
    edit = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "pytest -q"}}
    text = event_text("assistant", {"message": {"content": [edit]}})
    assert ("Bash" in text, "pytest -q" in text) == (True, True)
    assert event_text("result", {"is_error": False}) == ""
    assert event_text("system", {"subtype": "init"}) == ""
