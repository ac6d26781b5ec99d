import json
import re
import tomllib

import pytest

from agents.api import api as portal_api

ROW = re.compile(r"^\| (GET|POST|PUT|PATCH|DELETE) \| `(/api/[^`]*)` \|", re.MULTILINE)


@pytest.fixture
def schema(client, db):
    return client.get("/api/openapi.json").json()


@pytest.fixture
def documented(settings):
    return set(ROW.findall((settings.BASE_DIR / "docs/api.md").read_text()))


def operations(schema):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_documented_endpoint_exists_and_every_endpoint_is_documented(schema, documented):
    assert {(method, path) for method, path, _ in operations(schema)} == documented


def test_every_operation_has_a_summary_of_one_sentence(schema):
    for _, _, operation in operations(schema):
        assert re.fullmatch(r"[A-Z][^.]*\.", operation["summary"])


def test_every_operation_asks_who_calls_and_declares_its_refusals(schema):
    for _, _, operation in operations(schema):
        assert operation["security"] == [{"TokenAuth": []}, {"CookieAuth": []}]
        assert {"401", "404", "409", "422"} <= operation["responses"].keys()


def test_no_operation_is_open(client, db, schema):
    for method, path, _ in operations(schema):
        nobody = "00000000-0000-0000-0000-000000000000"
        concrete = path.format(agent_id=nobody, prompt_id=nobody, approval_id=1)
        assert client.generic(method, concrete).status_code == 401, (method, path)


def test_version_is_the_projects(schema, settings):
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    assert schema["info"]["version"] == portal_api.version == project["version"]


def test_docs_page_loads_from_our_own_origin_only(client, db):
    response = client.get("/api/docs")
    loaded = re.findall(r'(?:src|href)="([^"]*)"', response.text)
    assert response.status_code == 200
    assert any(url.endswith("swagger-ui-bundle.js") for url in loaded)
    assert all(url.startswith("/static/") for url in loaded)


def test_docs_page_has_no_inline_code(client, db):
    page = client.get("/api/docs").text
    for attributes, content in re.findall(r"<script([^>]*)>(.*?)</script>", page, re.DOTALL):
        if 'type="application/json"' in attributes:
            assert json.loads(content)["url"] == "/api/openapi.json"
        else:
            assert not content.strip()
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
