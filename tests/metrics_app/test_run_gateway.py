import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from metrics_app.management.commands.run_gateway import make_environment


@pytest.fixture
def gateway(settings, tmp_path):
    """Settings of a gateway whose interpreter can be run."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    settings.CAM_GATEWAY_PYTHON = python
    settings.CAM_DATA_DIR = tmp_path / "data"
    settings.CAM_METRICS_DIR = tmp_path / "usage"
    settings.CAM_UPSTREAM_URL = "https://api.example.org"
    settings.CAM_DNS_SERVERS = ["10.0.0.1", "10.0.0.2"]
    settings.ANTHROPIC_API_KEY = "sk-1"
    settings.CLAUDE_CODE_OAUTH_TOKEN = ""
    return python


def test_it_becomes_the_gateway_in_the_projects_folder(gateway, settings, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "execve", lambda *args: calls.append((Path.cwd(), *args)))
    monkeypatch.chdir("/")
    call_command("run_gateway")
    folder, program, arguments, environment = calls[0]
    assert folder == settings.BASE_DIR
    assert program == str(gateway)
    assert arguments == [str(gateway), "-m", "metrics_app.gateway"]
    assert environment["ANTHROPIC_API_KEY"] == "sk-1"


def test_the_environment_comes_from_the_settings(gateway, settings):
    environment = make_environment({"CAM_UPSTREAM_URL": "https://old", "PATH": "/bin"})
    assert environment == {
        "PATH": "/bin",
        "CAM_DATA_DIR": str(settings.CAM_DATA_DIR),
        "CAM_METRICS_DIR": str(settings.CAM_METRICS_DIR),
        "CAM_UPSTREAM_URL": "https://api.example.org",
        "CAM_PRIVATE_HOSTS": "",
        "CAM_GATEWAY_PORT": "0",
        "CAM_DNS_SERVERS": "10.0.0.1,10.0.0.2",
        "ANTHROPIC_API_KEY": "sk-1",
        "CLAUDE_CODE_OAUTH_TOKEN": "",
    }


def test_the_portals_own_secrets_stay_behind(gateway):
    secrets = dict.fromkeys(
        ["CAM_SECRET_KEY", "CAM_DATABASE_URL", "CAM_REDIS_URL", "CAM_EMAIL_URL"], "x"
    )
    assert not secrets.keys() & make_environment(secrets).keys()


@pytest.mark.parametrize("mode", [None, 0o644])
def test_an_interpreter_that_cannot_be_run_names_the_remedy(gateway, mode, monkeypatch):
    monkeypatch.setattr(os, "execve", lambda *args: pytest.fail("must not run"))
    if mode is None:
        gateway.unlink()
    else:
        gateway.chmod(mode)
    with pytest.raises(CommandError, match=r"\./install\.sh"):
        call_command("run_gateway")
