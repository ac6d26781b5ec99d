import pytest

from agents.models import WorkspaceRoot

HTMX = {"HTTP_HX_REQUEST": "true"}


def browse(client, path, **extra):
    return client.get("/workspaces/browse/", {"path": str(path)}, **(extra or HTMX))


def test_browse_shows_folders_with_links_that_work_without_scripts(as_alice, workspace):
    (workspace / "src").mkdir()
    content = browse(as_alice, workspace).content.decode()
    assert f'name="workspace" value="{workspace}"' in content
    assert 'href="/agents/new/?path=' in content
    assert ">src</a>" in content


def test_without_htmx_the_form_opens_with_the_folder(as_alice, workspace):
    response = as_alice.get("/workspaces/browse/", {"path": str(workspace)}, follow=True)
    assert response.redirect_chain[0][0].startswith("/agents/new/?path=")
    assert f'value="{workspace}"' in response.content.decode()


@pytest.mark.parametrize("path", ["/etc", "/proc/self/root", "../..", "/\0", "x" * 5000])
def test_outside_is_refused_with_words(as_alice, workspace, path):
    response = browse(as_alice, path)
    assert response.status_code == 200
    assert 'class="error"' in response.content.decode()
    assert "passwd" not in response.content.decode()


def test_roots_of_others_are_not_shown(as_alice, bob, tmp_path):
    root = WorkspaceRoot.objects.create(path=str(tmp_path), for_everyone=False)
    root.users.add(bob)
    content = browse(as_alice, tmp_path).content.decode()
    assert 'class="error"' in content
    assert 'name="workspace"' not in content


def test_hostile_names_are_inert(as_alice, workspace):
    for name in ("<img src=x>", "a\nb", 'q" onclick="x', "r\u202ecod", "per%00cent&path=x"):
        (workspace / name).mkdir()
    content = browse(as_alice, workspace).content.decode()
    assert "<img" not in content
    assert '" onclick="' not in content
    assert "\u202e" not in content.replace("%E2%80%AE", "")
    assert "per%2500cent%26path%3Dx" in content


def test_folders_with_odd_names_open(as_alice, workspace):
    odd = workspace / 'q"&path=? #%00ü'
    odd.mkdir()
    assert 'name="workspace"' in browse(as_alice, odd).content.decode()


def test_browse_rejects_post(as_alice):
    assert as_alice.post("/workspaces/browse/").status_code == 405
