"""What the documents say is what the code does."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import resolve

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text()
SETTINGS_PAGE = (PROJECT / "docs" / "settings.md").read_text()


def documented() -> dict[str, str]:
    """Each variable of the table with its default as the table says it."""
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", SETTINGS_PAGE, re.MULTILINE))


def read_in_settings() -> dict[str, str]:
    """Each variable that settings.py reads, with its default as a literal, empty where it is computed."""
    source = (PROJECT / "cam_site" / "settings.py").read_text()
    calls = re.findall(r'\bread\(\s*"(\w+)"(.*?)\n?\)\n', source, re.DOTALL)
    return {name: "".join(re.findall(r', "([^"]*)"$', rest.strip())) for name, rest in calls}


def test_every_setting_is_documented_and_nothing_else():
    assert sorted(documented()) == sorted(read_in_settings())


def test_each_setting_is_documented_once():
    rows = re.findall(r"^\| `(\w+)` \|", SETTINGS_PAGE, re.MULTILINE)
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    ("name", "default"),
    [(name, default) for name, default in read_in_settings().items() if default],
)
def test_documented_default_is_the_real_one(name, default):
    assert documented()[name] == f"`{default}`"


def make_targets() -> set[str]:
    makefile = (PROJECT / "Makefile").read_text()
    return set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE))


PAGES = ["README.md", *(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_that_a_page_names_exist(page):
    text = (PROJECT / page).read_text()
    named = set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", text, re.MULTILINE))
    assert named <= make_targets()


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_a_page_names_exist(page):
    named = set(re.findall(r"manage\.py ([a-z_]+)", (PROJECT / page).read_text()))
    assert named <= set(get_commands())


@pytest.mark.parametrize("page", PAGES)
def test_addresses_that_a_page_names_exist(page):
    text = (PROJECT / page).read_text()
    named = set(re.findall(r"`(/(?:api|metrics|admin|accounts|config|audit)[\w/-]*)`", text))
    for path in named - {"/api"}:
        assert resolve(path)


def test_settings_that_the_administration_page_names_exist():
    page = (PROJECT / "docs/administration.md").read_text()
    of_compose = set(re.findall(r"CAM_\w+", (PROJECT / "scripts/compose").read_text()))
    named = set(re.findall(r"`?(CAM_\w+)", page))
    assert named <= set(documented()) | of_compose


def test_readme_names_every_make_target_but_help():
    named = set(re.findall(r"make ([a-z-]+)", README))
    assert make_targets() - {"help"} <= named


def test_every_make_target_is_phony():
    makefile = (PROJECT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert make_targets() == set(phony[1].split())


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_lead_somewhere(page):
    path = PROJECT / page
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_readme_links_every_page_of_the_documentation():
    for page in (PROJECT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in README
