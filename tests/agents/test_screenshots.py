"""Pictures on their way to an agent: uploaded, seen by whom they concern, sent, forgotten."""

import base64
import io
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from agents import outbox, services
from agents.errors import InvalidRequest, LimitReached
from agents.models import Delivery, EventImage, Prompt, Screenshot
from agents.services.screenshots import MAX_A_PROMPT, MAX_WAITING, forget_unsent
from tests.agents.factories import make_event

HTMX = {"HTTP_HX_REQUEST": "true"}


def png(size=(4, 3)):
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "PNG")
    return file.getvalue()


def upload(data=None, name="shot.png"):
    return SimpleUploadedFile(name, png() if data is None else data, content_type="text/html")


@pytest.fixture
def shot(agent, alice):
    return services.add_screenshot(agent, author=alice, file=upload())


def path(name, *arguments):
    return reverse(name, args=arguments)


def test_upload_is_kept_and_shown_to_its_author(as_alice, agent):
    response = as_alice.post(path("screenshot_add", agent.pk), {"file": upload()}, **HTMX)
    shot = Screenshot.objects.get()
    assert (response.status_code, shot.width, shot.height) == (200, 4, 3)
    assert f'name="screenshots" value="{shot.pk}"' in response.content.decode()
    image = as_alice.get(path("screenshot_image", agent.pk, shot.pk))
    assert image["Content-Type"] == "image/png"
    assert image["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in image["Content-Security-Policy"]


@pytest.mark.parametrize("data", [b"", b"text", b"<svg/>"])
def test_bad_upload_is_refused_in_words(as_alice, agent, data):
    response = as_alice.post(path("screenshot_add", agent.pk), {"file": upload(data)}, **HTMX)
    assert response.status_code == 422
    assert 'class="error"' in response.content.decode()
    assert as_alice.post(path("screenshot_add", agent.pk), {}, **HTMX).status_code == 422
    assert not Screenshot.objects.exists()


def test_unsent_picture_is_its_authors_alone(shot, agent, bob, as_bob, alice):
    services.share_agent(agent, bob, "act", by=alice)
    address = path("screenshot_image", agent.pk, shot.pk)
    assert as_bob.get(address).status_code == 404
    services.send_prompt(agent, author=alice, text="", screenshots=[shot.pk])
    assert as_bob.get(address).status_code == 200


def test_picture_goes_with_the_prompt_as_a_block(shot, agent, session, alice, as_alice):
    data = {"text": "look", "screenshots": [str(shot.pk)]}
    assert as_alice.post(path("agent_send", agent.pk), data, **HTMX).status_code == 200
    (outgoing,) = outbox.waiting(session)
    image, text = json.loads(outgoing.line)["message"]["content"]
    assert base64.b64decode(image["source"]["data"]) == bytes(shot.data)
    assert (image["source"]["media_type"], text["text"]) == ("image/png", "look")


def test_prompt_may_be_a_picture_alone_but_not_nothing(shot, agent, alice):
    services.send_prompt(agent, author=alice, text="", screenshots=[shot.pk])
    with pytest.raises(InvalidRequest, match="empty"):
        services.send_prompt(agent, author=alice, text=" ")


def test_picture_is_sent_once_and_by_its_author(shot, agent, bob, alice):
    with pytest.raises(InvalidRequest, match="not there any more"):
        services.send_prompt(agent, author=bob, text="look", screenshots=[shot.pk])
    services.send_prompt(agent, author=alice, text="look", screenshots=[shot.pk])
    with pytest.raises(InvalidRequest, match="not there any more"):
        services.send_prompt(agent, author=alice, text="look", screenshots=[shot.pk])
    assert Prompt.objects.count() == 1


def test_pictures_are_bounded(shot, agent, alice):
    shots = [services.add_screenshot(agent, author=alice, file=upload()) for _ in range(11)]
    with pytest.raises(InvalidRequest, match="At most 4"):
        services.send_prompt(
            agent, author=alice, text="", screenshots=[s.pk for s in shots[: MAX_A_PROMPT + 1]]
        )
    assert Screenshot.objects.count() == MAX_WAITING
    with pytest.raises(LimitReached):
        services.add_screenshot(agent, author=alice, file=upload())


def test_removed_and_old_pictures_are_forgotten(shot, agent, as_alice, alice):
    other = services.add_screenshot(agent, author=alice, file=upload())
    address = path("screenshot_remove", agent.pk, other.pk)
    assert as_alice.post(address, **HTMX).status_code == 200
    assert as_alice.post(address, **HTMX).status_code == 200
    assert list(Screenshot.objects.all()) == [shot]
    forget_unsent(timezone.now() + timedelta(hours=23))
    assert Screenshot.objects.exists()
    forget_unsent(timezone.now() + timedelta(hours=25))
    assert not Screenshot.objects.exists()


def test_image_of_a_line_is_served_as_what_it_is(as_alice, as_charlie, agent, session):
    event = make_event(session, 7)
    EventImage.objects.create(
        agent=agent, event=event, number=0, media_type="image/png", data=png()
    )
    address = path("event_image", agent.pk, 7, 0)
    response = as_alice.get(address)
    assert (response["Content-Type"], response.content) == ("image/png", png())
    assert "sandbox" in response["Content-Security-Policy"]
    assert as_charlie.get(address).status_code == 404
    assert as_alice.get(path("event_image", agent.pk, 7, 1)).status_code == 404
    assert as_alice.get(path("event_image", agent.pk, 10**30, 0)).status_code == 404


def test_api_sends_a_picture_with_words(as_alice, agent):
    address = f"/api/agents/{agent.pk}/screenshot"
    response = as_alice.post(address, {"file": upload(), "text": "cut off"})
    assert response.status_code == 202
    prompt = Prompt.objects.get()
    assert (prompt.text, prompt.source, prompt.screenshots.count()) == ("cut off", "api", 1)


@pytest.mark.parametrize(
    ("fields", "status"),
    [({}, 422), ({"file": b"text"}, 400), ({"file": None, "text": "x" * 200_001}, 422)],
)
def test_api_refuses_bad_pictures(as_alice, agent, fields, status):
    data = {name: upload(value) if name == "file" else value for name, value in fields.items()}
    response = as_alice.post(f"/api/agents/{agent.pk}/screenshot", data)
    assert (response.status_code, "reason" in response.json()) == (status, True)
    assert not Prompt.objects.exists()
    assert not Screenshot.objects.exists()


def test_stopping_between_upload_and_delivery_keeps_the_picture(shot, agent, alice):
    prompt = services.send_prompt(agent, author=alice, text="", screenshots=[shot.pk])
    assert prompt.delivery == Delivery.QUEUED
    forget_unsent(timezone.now() + timedelta(days=9))
    assert prompt.screenshots.count() == 1
