"""What Django's own error report says of a request that broke: no secret."""

import pytest
from django.views.debug import ExceptionReporter

KEY = "sk-ant-api03-" + "Ab_-" * 10


@pytest.mark.parametrize(
    ("path", "field", "broken"),
    [
        ("/config/key/", "key", "agents.services.own_keys.encrypt"),
        ("/config/webhook/", "secret", "agents.services.config.encrypt"),
    ],
)
def test_report_of_a_broken_request_hides_it(client, alice, monkeypatch, rf, path, field, broken):
    reports = []

    def fail(text):
        raise RuntimeError("broken")

    def report(request, **_):
        import sys

        reports.append(ExceptionReporter(request, *sys.exc_info()).get_traceback_text())

    monkeypatch.setattr(broken, fail)
    client.force_login(alice)
    client.raise_request_exception = False
    from django.core.signals import got_request_exception

    got_request_exception.connect(
        lambda sender, request, **_: report(request), weak=False, dispatch_uid="report"
    )
    try:
        client.post(path, {"url": "https://hooks.example.org/", field: KEY})
    finally:
        got_request_exception.disconnect(dispatch_uid="report")
    assert "RuntimeError" in reports[0]
    assert KEY not in reports[0]
