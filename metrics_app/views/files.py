"""Answers that are saved as a file."""

from django.forms import BaseForm
from django.http import HttpResponseBadRequest
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header


def as_file(response: HttpResponseBase, name: str) -> HttpResponseBase:
    """Have the answer saved under a name such as `cam-calls-alice-2026-11.csv`."""
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "private, no-store"
    return response


def refuse_file(form: BaseForm) -> HttpResponseBadRequest:
    """A file of something else than what was asked for would mislead."""
    return HttpResponseBadRequest(form.errors.as_text(), content_type="text/plain; charset=utf-8")
