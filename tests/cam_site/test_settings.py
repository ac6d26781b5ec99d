import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# Each value is what .env gives; environ's reader never overrides what is set, so an empty one hides a developer's own.
CLEAN = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(PROJECT),
    "DJANGO_SETTINGS_MODULE": "cam_site.settings",
    "CAM_SECRET_KEY": "k" * 50,
    "ANTHROPIC_API_KEY": "",
    "CLAUDE_CODE_OAUTH_TOKEN": "",
    "CAM_UPSTREAM_URL": "",
    "CAM_DEBUG": "",
    "CAM_HTTPS": "",
    "CAM_GATEWAY_PYTHON": "",
}


def read_settings(*names, **environment):
    """The named settings, as a fresh process reads them in this environment."""
    code = (
        "import json, sys; from cam_site import settings;"
        "print(json.dumps({n: getattr(settings, n, None) for n in sys.argv[1:]}, default=str))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        env=CLEAN | environment,
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# One process reads all: each bad value is tried on a fresh import of the settings.
TRY_EACH = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured
for name, value in json.load(sys.stdin):
    before = os.environ.get(name)
    os.environ[name] = value
    sys.modules.pop("cam_site.settings", None)
    try:
        importlib.import_module("cam_site.settings")
        print(json.dumps([name, value, "accepted"]))
    except ImproperlyConfigured as exc:
        print(json.dumps([name, value, str(exc)]))
    os.environ.pop(name)
    if before is not None:
        os.environ[name] = before
"""
BAD = [
    ("CAM_SECRET_KEY", ""),
    ("CAM_UPSTREAM_URL", "https://api.example.org/?team=a"),
    ("CAM_UPSTREAM_URL", "http:api.example.org"),
    ("ANTHROPIC_API_KEY", "sk-ant- two"),
    ("CAM_SECRET_KEY", "k" * 31),
    ("CAM_DEBUG", "maybe"),
    ("CAM_PORT", "0"),
    ("CAM_PORT", "65536"),
    ("CAM_PORT", "http"),
    ("CAM_DEMO_API_PORT", "-1"),
    ("CAM_AGENT_MEMORY_MB", "255"),
    ("CAM_AGENT_CPUS", "0"),
    ("CAM_AGENT_CPUS", "nan"),
    ("CAM_AGENT_PIDS", "1"),
    ("CAM_AGENT_SECCOMP_PROFILE", "no/such/file.json"),
    ("CAM_BROWSE_ROOTS", "projects"),
    ("CAM_ALLOWED_TOOLS", "Bash(ls"),
    ("CAM_UPSTREAM_URL", "api.anthropic.com"),
    ("CAM_DATABASE_URL", "mysql://host/name"),
    ("CAM_REDIS_URL", "localhost:6379"),
    ("CAM_EMAIL_URL", "mail.example.org"),
    ("CAM_EMAIL_FROM", "nobody"),
    ("CAM_PUBLIC_URL", "cam.example.org"),
    ("CAM_WHISPER_MODEL", "huge"),
    ("CAM_HTTPS", "on please"),
    ("CAM_MAX_AGENTS_PER_USER", "many"),
    ("CAM_MODELS", "--dangerous"),
    ("CAM_NOTIFICATION_KEEP_DAYS", "0"),
    ("CAM_NOTIFY_PRIVATE_HOSTS", "10.0.0.1"),
    ("CAM_VAPID_PRIVATE_KEY", "short"),
    ("CAM_ENCRYPTION_KEYS", "short"),
]


@pytest.fixture(scope="module")
def answers():
    done = subprocess.run(
        [sys.executable, "-c", TRY_EACH],
        env=CLEAN,
        cwd="/",
        input=json.dumps(BAD),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {
        (name, value): answer for name, value, answer in map(json.loads, done.stdout.splitlines())
    }


@pytest.mark.parametrize(("name", "value"), BAD)
def test_wrong_value_names_its_variable(answers, name, value):
    assert answers[name, value].startswith(name)


def test_wrong_value_stops_the_start():
    done = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), "check"],
        env=CLEAN | {"CAM_PORT": "eighty"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "CAM_PORT='eighty'" in done.stderr


def test_debug_is_off_and_it_listens_on_this_machine_only():
    found = read_settings("DEBUG", "CAM_HOST", "CAM_SIGNUP_OPEN")
    assert found == {"DEBUG": False, "CAM_HOST": "127.0.0.1", "CAM_SIGNUP_OPEN": False}


def test_celery_accepts_json_only():
    found = read_settings("CELERY_ACCEPT_CONTENT", "CELERY_TASK_SERIALIZER")
    assert found == {"CELERY_ACCEPT_CONTENT": ["json"], "CELERY_TASK_SERIALIZER": "json"}


def test_demo_mode_without_a_key():
    found = read_settings("CAM_DEMO_MODE", "CAM_UPSTREAM_URL", CAM_DEMO_API_PORT="9001")
    assert found == {"CAM_DEMO_MODE": True, "CAM_UPSTREAM_URL": "http://127.0.0.1:9001"}


@pytest.mark.parametrize(
    "environment",
    [
        {"ANTHROPIC_API_KEY": "sk-x"},
        {"CLAUDE_CODE_OAUTH_TOKEN": "t"},
        {"CAM_UPSTREAM_URL": "https://x.org"},
    ],
)
def test_no_demo_mode_with_a_key_or_another_api(environment):
    assert read_settings("CAM_DEMO_MODE", **environment) == {"CAM_DEMO_MODE": False}


def test_https_makes_cookies_secure():
    found = read_settings("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", CAM_HTTPS="true")
    assert found == {"SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True}


def test_gateway_python_is_the_environments_own_link(tmp_path):
    """Resolved, the link would be the system's Python, which has no mitmproxy."""
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert read_settings("CAM_GATEWAY_PYTHON", CAM_GATEWAY_PYTHON=str(link)) == {
        "CAM_GATEWAY_PYTHON": str(link)
    }


def test_mail_goes_to_the_log_until_there_is_a_server():
    found = read_settings("EMAIL_BACKEND", "CAM_PUBLIC_URL", CAM_PORT="9000")
    assert found == {
        "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
        "CAM_PUBLIC_URL": "http://localhost:9000",
    }


def test_mail_server_comes_from_one_url():
    url = "smtp+tls://cam%40example.org:p%2Fw@mail.example.org"
    names = ["HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL"]
    found = read_settings(*(f"EMAIL_{name}" for name in names), CAM_EMAIL_URL=url)
    assert list(found.values()) == ["mail.example.org", 587, "cam@example.org", "p/w", True, False]
