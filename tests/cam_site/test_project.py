"""What holds for the project as a whole."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).parents[2]
APPS = ("agents", "cam_site", "metrics_app", "voice_app")

# What a site behind HTTPS is not told, and why not.
SILENCED = {
    "security.W005",  # HSTS for sub-domains: they are not ours to promise for
    "security.W021",  # HSTS preload: the same
}

# The one place that declares HTML safe: a filter over text that `agents.rendering` has sanitised.
DECLARES_HTML_SAFE = "agents/templatetags/agent_text.py"

IN_TEMPLATES = {
    "inline script": re.compile(r"<script(?![^>]*\ssrc=)(?![^>]*application/json)[^>]*>", re.I),
    "inline style": re.compile(r"<style|\sstyle\s*=", re.I),
    "inline handler": re.compile(r"<[^>]*\s(?:hx-)?on[a-z:-]+\s*=", re.I),
    "script URL": re.compile(r"javascript:", re.I),
    "code for htmx to evaluate": re.compile(r"[\"']\s*js:|hx-vars", re.I),
    "unescaped value": re.compile(r"\|\s*safe(?:seq)?\b|autoescape\s+off"),
}
IN_CODE = {
    "mark_safe": re.compile(r"\bmark_safe\b|\bSafeString\b|\bSafeText\b"),
    "pickle": re.compile(r"\bc?[pP]ickle\b|\bmarshal\b|\bshelve\b"),
    "shell": re.compile(r"shell\s*=\s*True|\bos\.system\b|\bos\.popen\b"),
    "evaluation": re.compile(r"(?<![\w.])(?:eval|exec)\("),
}


def project_templates():
    folders = [ROOT / "templates", *(ROOT / app / "templates" for app in APPS)]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def project_code():
    return [
        path
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if "migrations" not in path.parts
    ]


def find(paths, pattern):
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("what", IN_TEMPLATES)
def test_no_template_has(what):
    assert find(project_templates(), IN_TEMPLATES[what]) == []


@pytest.mark.parametrize("what", IN_CODE)
def test_no_code_has(what):
    found = find(project_code(), IN_CODE[what])
    if what == "mark_safe":
        found = [line for line in found if not line.startswith(f"{DECLARES_HTML_SAFE}:")]
    assert found == []


def test_html_is_declared_safe_for_what_rendering_returned_only():
    code = (ROOT / DECLARES_HTML_SAFE).read_text()
    assert re.findall(r"mark_safe\((.*)\)  #", code) == ["rendering.markdown_to_html(text)"]
    assert code.count("mark_safe(") == 1


@pytest.mark.parametrize(
    ("what", "bad", "good"),
    [
        ("inline script", "<script>x()</script>", '<script src="a.js"></script>'),
        ("inline script", "<SCRIPT defer>", '<script id="d" type="application/json">'),
        ("inline style", '<p style="color: red">', '<p class="style">'),
        ("inline style", "<style>", '<link rel="stylesheet" href="a.css">'),
        ("inline handler", '<a href="/" onclick="x()">', '<a href="/" data-on="x">'),
        ("inline handler", '<p hx-on:click="x()">', '<option value="on=1">'),
        ("inline handler", '<p hx-on::after-swap="x()">', "a sentence on=1"),
        ("script URL", '<a href="JavaScript:x()">', '<a href="/javascript/">'),
        ("code for htmx to evaluate", "hx-vals='js:{a: 1}'", "hx-vals='{\"a\": 1}'"),
        ("unescaped value", "{{ text|safe }}", "{{ text|safe_name }}"),
        ("unescaped value", "{% autoescape off %}", "{% autoescape on %}"),
    ],
)
def test_template_rule_tells_bad_from_good(what, bad, good):
    assert IN_TEMPLATES[what].search(bad)
    assert not IN_TEMPLATES[what].search(good)


@pytest.mark.parametrize(
    ("what", "bad", "good"),
    [
        ("mark_safe", "from django.utils.safestring import mark_safe", "mark_safely()"),
        ("pickle", "import pickle", "pickled_cucumbers = 1"),
        ("shell", "run(command, shell=True)", "run(command, shell=False)"),
        ("evaluation", "eval(text)", "retrieval(text)"),
        ("evaluation", "x = exec(text)", "self.exec(text)"),
    ],
)
def test_code_rule_tells_bad_from_good(what, bad, good):
    assert IN_CODE[what].search(bad)
    assert not IN_CODE[what].search(good)


def test_there_are_templates_and_code_to_look_at():
    assert len(project_templates()) > 5
    assert len(project_code()) > 20


def test_no_migration_is_missing(db, capsys):
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)
    assert "No changes detected" in capsys.readouterr().out


@pytest.fixture
def manage(tmp_path):
    """Run manage.py as a site does, with an environment of its own."""

    def run(*arguments, **environment):
        base = {
            "PATH": os.environ["PATH"],
            "CAM_DATA_DIR": str(tmp_path),
            "CAM_SECRET_KEY": "aB3-dE6_gH9+" * 6,
        }
        command = [sys.executable, ROOT / "manage.py", *arguments]
        return subprocess.run(
            command, env=base | environment, cwd=ROOT, capture_output=True, text=True
        )

    return run


def test_site_behind_https_passes_the_deployment_check(manage):
    done = manage("check", "--deploy", "--fail-level", "WARNING", CAM_HTTPS="true")
    assert done.returncode == 0, done.stderr


def test_deployment_check_is_silenced_only_where_we_say_why(settings):
    assert set(settings.SILENCED_SYSTEM_CHECKS) == SILENCED


def test_deployment_check_can_fail(manage):
    done = manage("check", "--deploy", "--fail-level", "WARNING", CAM_HTTPS="false")
    assert done.returncode != 0
    assert "security.W012" in done.stderr


@pytest.mark.parametrize("secret", ["", "short"])
def test_site_without_a_good_secret_key_does_not_start(manage, secret):
    done = manage("check", CAM_SECRET_KEY=secret)
    assert done.returncode != 0
    assert "CAM_SECRET_KEY: set at least 32 random characters" in done.stderr
