"""Pictures that people give to an agent: kept until they go with a prompt."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from agents.errors import InvalidRequest, LimitReached
from agents.models import Agent, Prompt, Screenshot
from agents.pictures import MAX_UPLOAD_BYTES, PictureError, make_picture

MAX_A_PROMPT = 4
MAX_WAITING = 12
FORGET_AFTER = timedelta(days=1)


def add_screenshot(agent: Agent, *, author: User, file: "UploadedFile[Any]") -> Screenshot:
    """Keep a picture for the author's next prompt. Raises InvalidRequest or LimitReached."""
    try:
        picture = make_picture(file.read(MAX_UPLOAD_BYTES + 1))
    except PictureError as exc:
        raise InvalidRequest(str(exc)) from exc
    with transaction.atomic():
        Agent.objects.select_for_update().get(pk=agent.pk)  # two uploads at once take turns
        waiting = agent.screenshots.filter(author=author, prompt=None)
        if waiting.count() >= MAX_WAITING:
            raise LimitReached(
                f"{MAX_WAITING} pictures wait already: send or remove some of them first."
            )
        return Screenshot.objects.create(
            agent=agent,
            author=author,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            data=picture.data,
        )


def remove_screenshot(agent: Agent, *, author: User, screenshot_id: UUID) -> None:
    """Forget a picture that has not been sent; one that is gone is removed."""
    agent.screenshots.filter(pk=screenshot_id, author=author, prompt=None).delete()


def attach_screenshots(prompt: Prompt, screenshot_ids: Sequence[UUID]) -> None:
    """Send the author's pictures with the prompt, all or none. Raises InvalidRequest."""
    wanted = set(screenshot_ids)
    if len(wanted) > MAX_A_PROMPT:
        raise InvalidRequest(f"At most {MAX_A_PROMPT} pictures go with a prompt.")
    waiting = Screenshot.objects.filter(agent=prompt.agent, author=prompt.author, prompt=None)
    if waiting.filter(pk__in=wanted).update(prompt=prompt) != len(wanted):
        raise InvalidRequest("A picture is not there any more: add it again.")


def forget_unsent(now: datetime) -> None:
    Screenshot.objects.filter(prompt=None, created_at__lt=now - FORGET_AFTER).delete()
