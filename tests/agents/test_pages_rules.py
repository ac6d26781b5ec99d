"""Rules that every page keeps: nothing inline, one look, safe headers."""

import json
import re

import pytest
from django.conf import settings as site

from tests.agents.factories import make_event

TEMPLATES = sorted((site.BASE_DIR / "templates").rglob("*.html"))
INLINE = re.compile(
    r"<style|\sstyle\s*=|\son[a-z]+\s*=|\shx-on|javascript:|js:|<script(?![^>]*\ssrc=)",
    re.IGNORECASE,
)
PUBLIC = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nothing/"]
OWN = [
    *(
        "/",
        "/agents/new/",
        "/account/",
        "/config/",
        "/notifications/",
        "/metrics/",
        "/metrics/reports/",
        "/metrics/budgets/",
        "/metrics/mails/",
        "/accounts/password/change/",
    ),
    *("/accounts/email/", "/accounts/logout/", "/accounts/2fa/"),
]


def test_there_are_templates():
    assert len(TEMPLATES) > 20


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_inline_script_style_or_handler(path):
    assert INLINE.findall(path.read_text()) == []


@pytest.mark.parametrize(
    "html", ["<p style='x'>", "<a onclick=x>", "<script>", "<a href=javascript:x>"]
)
def test_the_rule_finds_what_it_looks_for(html):
    assert INLINE.search(html)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_htmx_links_work_without_scripts(path):
    tags = re.findall(r"<a\s[^>]*hx-get[^>]*>", path.read_text())
    assert all(" href=" in tag for tag in tags)
    forms = re.findall(r"<form\s[^>]*hx-post[^>]*>", path.read_text())
    assert all(" action=" in form and 'method="post"' in form for form in forms)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages_have_our_look_and_headers(client, db, path):
    response = client.get(path)
    assert 'class="site-header"' in response.content.decode()
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", OWN)
def test_own_pages_have_our_look_and_the_demo_banner(client, alice, settings, path):
    client.force_login(alice)
    settings.CAM_DEMO_MODE = True
    content = client.get(path).content.decode()
    assert 'class="site-header"' in content
    assert 'class="demo-banner"' in content
    settings.CAM_DEMO_MODE = False
    assert 'class="demo-banner"' not in client.get(path).content.decode()


def test_htmx_may_not_evaluate_or_write_styles(client, db):
    content = client.get("/accounts/login/").content.decode()
    config = json.loads(re.search(r"name=\"htmx-config\" content='([^']+)'", content).group(1))
    assert not config["allowEval"]
    assert not config["allowScriptTags"]
    assert not config["includeIndicatorStyles"]


def test_only_staff_are_led_to_the_admin(client, alice, staff):
    client.force_login(alice)
    assert 'href="/admin/"' not in client.get("/").content.decode()
    client.force_login(staff)
    assert 'href="/admin/"' in client.get("/").content.decode()


def test_rendered_page_has_nothing_inline(client, alice, agent, session, approval):
    client.force_login(alice)
    make_event(
        session, 1, payload={"message": {"content": "```python\nprint(1)\n```\n<b onclick=x>"}}
    )
    content = client.get(f"/agents/{agent.pk}/").content.decode()
    tags = re.findall(r"<[a-z][^>]*>", content)
    assert [tag for tag in tags if INLINE.search(tag)] == []


def test_login_logs_in_and_log_out_needs_a_post(client, alice):
    response = client.post("/accounts/login/", {"login": "alice", "password": "correct horse"})
    assert response.url == "/"
    assert "Log out?" in client.get("/accounts/logout/").content.decode()
    assert "_auth_user_id" in client.session
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session


def test_sign_up_is_closed(client, db):
    assert "Sign-up is closed" in client.get("/accounts/signup/").content.decode()


def test_error_page_needs_no_request(client):
    from django.template.loader import render_to_string

    assert "Something broke" in render_to_string("500.html")
