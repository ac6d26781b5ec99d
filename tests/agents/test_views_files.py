"""The workspace browser: whatever the path, nothing outside of the roots, nothing run."""

import os

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError

from agents.models import WorkspaceRoot
from tests.agents.factories import make_agent

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


@pytest.fixture
def shop(workspace):
    (workspace / "src").mkdir()
    (workspace / "cart.py").write_text("def total():\n    return 1\n")
    (workspace / ".env").write_text("SECRET=1")
    (workspace / "pic.png").write_bytes(PNG)
    (workspace / "way-out").symlink_to("/etc")
    (workspace / "passwd").symlink_to("/etc/passwd")
    os.mkfifo(workspace / "pipe")
    return workspace


def get(client, page, path, **query):
    return client.get(f"/workspaces/{page}", {"path": str(path), **query})


def test_folder_lists_folders_first_with_sizes_and_times(as_alice, shop):
    content = get(as_alice, "", shop).content.decode()
    assert content.index(">src</a>") < content.index(">cart.py</a>")
    assert "26\xa0bytes" in content
    assert "Launch an agent here" in content
    assert ".env" not in content
    assert ".env" in get(as_alice, "", shop, hidden="on").content.decode()


def test_what_is_no_file_is_named_and_not_opened(as_alice, shop):
    content = get(as_alice, "", shop).content.decode()
    assert "way-out (a link: not followed)" in content
    assert "pipe (no regular file)" in content


def test_order_is_by_name_size_or_time(as_alice, shop):
    os.utime(shop / "cart.py", (0, 0))

    def places(order):
        content = get(as_alice, "", shop, order=order).content.decode()
        return content.index(">cart.py</a>") < content.index(">pic.png</a>")

    assert (places("name"), places("size"), places("time")) == (True, True, False)
    assert places("nonsense")


def test_roots_are_shown_where_there_are_several(as_alice, shop, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    WorkspaceRoot.objects.create(path=str(other))
    content = as_alice.get("/workspaces/").content.decode()
    assert str(other) in content


def test_nobody_without_roots_sees_a_folder(as_alice, db):
    assert "No folder is open to you" in as_alice.get("/workspaces/").content.decode()


def test_agents_of_the_folder_are_shown_to_who_sees_them(as_alice, as_bob, alice, shop):
    make_agent(alice, workspace=str(shop), name="Fixer")
    assert "Fixer" in get(as_alice, "", shop).content.decode()
    assert "Fixer" not in get(as_bob, "", shop).content.decode()


def test_file_is_shown_in_colours_with_lines_to_link_to(as_alice, shop):
    content = get(as_alice, "file/", shop / "cart.py").content.decode()
    assert '<tr id="L2">' in content
    assert '<span class="k">def</span>' in content


def test_markdown_is_rendered_and_inert(as_alice, shop):
    (shop / "README.md").write_text("# Hi\n<script>alert(1)</script> [x](javascript:alert(1))")
    content = get(as_alice, "file/", shop / "README.md").content.decode()
    assert ("<h3>Hi</h3>" in content, "<script>alert" in content) == (True, False)
    assert 'href="javascript' not in content
    assert (
        '<tr id="L1">' in get(as_alice, "file/", shop / "README.md", view="source").content.decode()
    )


def test_picture_is_served_as_what_it_is_and_can_run_nothing(as_alice, shop):
    response = get(as_alice, "picture/", shop / "pic.png")
    assert (response["Content-Type"], response.content) == ("image/png", PNG)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    (shop / "evil.png").write_text("<svg onload='alert(1)'/>")
    assert get(as_alice, "picture/", shop / "evil.png").status_code == 404


def test_download_is_a_file_to_save(as_alice, shop):
    name = 'a "b"\u202e<.html'
    (shop / name).write_text("<script>alert(1)</script>")
    response = get(as_alice, "download/", shop / name)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment; ")
    assert "\n" not in response["Content-Disposition"]


HOSTILE = [
    "/etc/passwd",
    "{shop}/../../../../../etc/passwd",
    "{shop}/passwd",
    "{shop}/way-out/passwd",
    "/proc/self/root/etc/passwd",
    "/proc/self/environ",
    "{shop}/pipe",
    "{shop}/cart.py/",
    "{shop}/cart.py/x",
    "{shop}/missing",
    "{shop}/src",
    "{shop}/a\0b",
    "{shop}/" + "x" * 300,
    "{shop}/" + "x/" * 3000,
    "/dev/zero",
    "cart.py",
    "",
    ".",
    "..",
    "/",
]


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("page", ["file/", "picture/", "download/"])
def test_hostile_paths_are_missing_files(as_alice, shop, page, path):
    response = get(as_alice, page, path.format(shop=shop))
    assert response.status_code == 404
    assert b"root:" not in response.content


@pytest.mark.parametrize("path", [path for path in HOSTILE if path not in ("", "{shop}/src")])
def test_hostile_paths_are_no_folders(as_alice, shop, path):
    response = get(as_alice, "", path.format(shop=shop))
    assert (response.status_code, b'class="error"' in response.content) == (404, True)
    answer = get_api(as_alice, path.format(shop=shop))
    assert (answer.status_code, "reason" in answer.json()) in [(400, True), (422, True)]


def get_api(client, path, **query):
    return client.get("/api/fs/list", {"path": path, **query})


def test_link_swapped_in_between_look_and_open_leads_nowhere(as_alice, shop, monkeypatch):
    open_step = os.open

    def swap_first(path, *args, **kwargs):
        found = open_step(path, *args, **kwargs)
        if path == "cart.py":
            (shop / "cart.py").unlink()
            (shop / "cart.py").symlink_to("/etc/passwd")
        return found

    monkeypatch.setattr(os, "open", swap_first)
    content = get(as_alice, "file/", shop / "cart.py").content
    assert b"root:" not in content
    assert b"total" in content


@pytest.mark.parametrize("page", ["", "file/", "picture/", "download/"])
def test_roots_of_others_do_not_exist(as_charlie, charlie, bob, tmp_path, shop, page):
    root = WorkspaceRoot.objects.get()
    root.for_everyone = False
    root.save()
    root.users.add(bob)
    assert get(as_charlie, page, shop / "cart.py").status_code == 404
    assert as_charlie.post(f"/workspaces/{page}").status_code == 405


def test_root_may_be_a_groups(as_charlie, charlie, shop):
    WorkspaceRoot.objects.update(for_everyone=False)
    assert get(as_charlie, "", shop).status_code == 404
    group = Group.objects.create(name="shop")
    charlie.groups.add(group)
    WorkspaceRoot.objects.get().groups.add(group)
    assert get(as_charlie, "", shop).status_code == 200


def test_stranger_is_sent_to_the_login(client, shop):
    assert get(client, "file/", shop / "cart.py").status_code == 302


def test_api_lists_roots_and_folders(as_alice, shop, tmp_path):
    assert as_alice.get("/api/fs/roots").json() == {"roots": [{"path": str(tmp_path)}]}
    answer = get_api(as_alice, str(shop)).json()
    by_name = {entry["name"]: entry for entry in answer["entries"]}
    assert (answer["path"], answer["parent"]) == (str(shop), str(tmp_path))
    assert by_name["cart.py"]["size_bytes"] == 26
    assert [by_name[name]["kind"] for name in ("src", "cart.py", "way-out", "pipe")] == [
        *("folder", "file", "link", "other"),
    ]
    assert ".env" in str(get_api(as_alice, str(shop), hidden="true").json())


def test_root_must_be_absolute():
    with pytest.raises(ValidationError):
        WorkspaceRoot(path="shop").clean()
