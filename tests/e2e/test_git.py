"""Git in its container on the real engine: what it does, and what a hostile workspace cannot make of it."""

import os
import subprocess
from pathlib import Path

import pytest

from agents import containers, git_runs
from agents.git_tree import read_tree
from agents.hardening import CommandSpec, command_options

IMAGE_FOLDER = Path(__file__).parents[2] / "agent_image"
AGENT_UID = 1000
AUTHOR = {"GIT_AUTHOR_NAME": "Al", "GIT_AUTHOR_EMAIL": "al@example.com"}
COMMITTER = {"GIT_COMMITTER_NAME": "Al", "GIT_COMMITTER_EMAIL": "al@example.com"}


@pytest.fixture(scope="module")
def image():
    subprocess.run([IMAGE_FOLDER / "build"], check=True)
    return "cam-agent:latest"


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    host_git(folder, "init", "-q", "-b", "main")
    (folder / "cart.py").write_text("one\ntwo\n")
    (folder / "old name.py").write_text("x = 1\n")
    host_git(folder, "add", ".")
    host_git(folder, "commit", "-qm", "Begin")
    own(folder)
    return folder


def host_git(folder, *arguments):
    """Git as a person on the host would use it, on folders that this test has made itself."""
    config = ("-c", "user.name=Al", "-c", "user.email=al@example.com", "-c", "safe.directory=*")
    done = subprocess.run(
        ["git", *config, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def own(folder):
    subprocess.run(["chown", "-R", f"{AGENT_UID}:{AGENT_UID}", folder], check=True)


@pytest.fixture
def git(image, request):
    """Run an action on a folder; returns the result and the tree that it printed."""

    def run(action, *arguments, folder, mounted=None, timeout_seconds=60, **changes):
        mounted = mounted or folder
        status = os.stat(mounted)
        spec = CommandSpec(
            name=f"cam-git-test-{os.getpid()}",
            node="git-test",
            image=image,
            script=git_runs.SCRIPT.read_text(),
            arguments=(action, *arguments),
            folder=str(mounted),
            read_only=action == "look" and mounted == folder,
            uid=AGENT_UID,
            gid=AGENT_UID,
            seccomp_profile=(IMAGE_FOLDER / "seccomp.json").read_text(),
            environment={
                "CAM_MOUNTED": str(mounted),
                "CAM_FOLDER": str(folder),
                "CAM_IDENTITY": f"{status.st_dev}:{status.st_ino}",
                **AUTHOR,
                **COMMITTER,
                **changes,
            },
        )
        result = containers.run(command_options(spec), timeout_seconds=timeout_seconds)
        return result, read_tree(result.stdout)

    yield run
    names = containers._client().api.containers(all=True, filters={"label": "cam.command=git-test"})
    assert names == []


def names_of(tree):
    return {file.path: file.state for file in tree.files}


def test_look_tells_every_kind_of_change_and_changes_nothing(git, repository):
    (repository / "cart.py").write_text("one\n2\n")
    (repository / "old name.py").unlink()
    (repository / 'ne"w é').write_text("new\n")
    (repository / "data.bin").write_bytes(b"\0\1")
    own(repository)
    result, tree = git("look", folder=repository)
    assert result.exit_code == 0, result.stderr
    assert tree.branch == "main"
    assert names_of(tree) == {
        "cart.py": "changed",
        "old name.py": "deleted",
        'ne"w é': "new",
        "data.bin": "new",
    }
    diffs = {file.path: file.diff for file in tree.files}
    assert (diffs["cart.py"].added, diffs["cart.py"].deleted) == (1, 1)
    assert (diffs['ne"w é'].added, diffs["data.bin"].note) == (1, "binary")
    assert [commit.subject for commit in tree.commits] == ["Begin"]
    assert host_git(repository, "diff", "--cached", "--name-only") == ""


def test_commit_takes_the_chosen_files_and_leaves_the_rest(git, repository):
    (repository / "cart.py").write_text("one\n2\n")
    (repository / "-n.py").write_text("new\n")
    (repository / "old name.py").write_text("y\n")
    own(repository)
    result, tree = git("commit", "Fix <it>", "cart.py", "-n.py", folder=repository)
    assert result.exit_code == 0, result.stderr
    assert names_of(tree) == {"old name.py": "changed"}
    assert host_git(repository, "log", "-1", "--format=%an %s") == "Al Fix <it>"
    assert host_git(repository, "show", "--name-only", "--format=").split() == ["-n.py", "cart.py"]


def test_discard_brings_back_and_deletes_what_was_chosen_only(git, repository):
    (repository / "cart.py").write_text("broken\n")
    (repository / "old name.py").unlink()
    (repository / "new.py").write_text("new\n")
    (repository / "keep.py").write_text("keep\n")
    own(repository)
    result, tree = git("discard", "cart.py", "old name.py", "new.py", folder=repository)
    assert result.exit_code == 0, result.stderr
    assert names_of(tree) == {"keep.py": "new"}
    assert (repository / "cart.py").read_text() == "one\ntwo\n"


def test_file_that_is_not_there_is_an_error_and_the_state_is_told(git, repository):
    (repository / "cart.py").write_text("2\n")
    result, tree = git("commit", "x", "nowhere.py", folder=repository)
    assert result.exit_code
    assert b"nowhere.py" in result.stderr
    assert names_of(tree) == {"cart.py": "changed"}


def test_repository_without_a_commit_takes_its_first(git, tmp_path):
    host_git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a").write_text("a\n")
    own(tmp_path)
    result, tree = git("look", folder=tmp_path)
    assert (result.exit_code, tree.sha, names_of(tree)) == (0, "", {"a": "new"})
    result, tree = git("commit", "First", "a", folder=tmp_path)
    assert (result.exit_code, names_of(tree)) == (0, {}), result.stderr


def test_hostile_configuration_reaches_nothing(git, repository):
    """Programs that it names run nowhere or, as filters have to, where there is nothing to take."""
    for name in ("post-checkout", "pre-commit", "post-commit", "reference-transaction"):
        hook = repository / ".git/hooks" / name
        hook.write_text("#!/bin/sh\ntouch hook-ran\n")
        hook.chmod(0o755)
    host_git(repository, "config", "core.fsmonitor", "touch monitor-ran")
    host_git(repository, "config", "diff.external", "touch diff-ran")
    host_git(repository, "config", "core.pager", "touch pager-ran")
    host_git(
        repository, "config", "filter.evil.clean", "sh -c 'ls / > filter-ran; env >> filter-ran'"
    )
    (repository / ".gitattributes").write_text("*.py filter=evil\n")
    (repository / "cart.py").write_text("2\n")
    own(repository)
    git("look", folder=repository)
    assert not (repository / "filter-ran").exists()
    git("commit", "x", "cart.py", folder=repository)
    assert sorted(path.name for path in repository.glob("*-ran")) == ["filter-ran"]
    seen = (repository / "filter-ran").read_text()
    assert "API_KEY" not in seen
    assert "HTTPS_PROXY" not in seen


def test_folder_that_was_replaced_is_not_touched(git, repository, tmp_path):
    (tmp_path / "other").mkdir()
    status = os.stat(tmp_path / "other")
    result, _ = git("look", folder=repository, CAM_IDENTITY=f"{status.st_dev}:{status.st_ino}")
    assert (result.exit_code, result.stdout) == (1, b"")
    assert b"replaced" in result.stderr


def test_folder_without_git_says_so(git, tmp_path):
    own(tmp_path)
    result, _ = git("look", folder=tmp_path)
    assert b"no git repository" in result.stderr


def test_what_hangs_is_given_up_and_removed(git, repository):
    host_git(repository, "config", "filter.slow.clean", "sleep 60")
    (repository / ".gitattributes").write_text("* filter=slow\n")
    (repository / "cart.py").write_text("2\n")
    own(repository)
    with pytest.raises(containers.TookTooLong):
        git("look", folder=repository, timeout_seconds=3)


def test_leftovers_of_a_killed_worker_are_removed(image, git, repository):
    options = {"image": image, "labels": {"cam.command": "git-test"}, "entrypoint": ["true"]}
    containers.create({**options, "name": "cam-git-leftover"})
    containers.remove_commands("git-test", older_than_seconds=600)
    assert containers._client().api.containers(all=True, filters={"name": "cam-git-leftover"})
    containers.remove_commands("git-test", older_than_seconds=-5)


# Work trees of agents' own


@pytest.fixture
def worktree(git, repository):
    path = repository / ".cam/fix-it"
    result, tree = git("add", str(path), "cam/fix-it", folder=repository)
    assert result.exit_code == 0, result.stderr
    assert names_of(tree) == {}
    return path


def commit_in(git, repository, worktree, text):
    (worktree / "cart.py").write_text(text)
    own(worktree)
    result, tree = git("commit", "Fix it", "cart.py", folder=worktree, mounted=repository)
    assert result.exit_code == 0, result.stderr
    return tree


def test_work_tree_is_made_once(git, repository, worktree):
    assert (worktree / "cart.py").read_text() == "one\ntwo\n"
    result, _ = git("add", str(worktree), "cam/fix-it", folder=repository)
    assert result.exit_code == 0, result.stderr


def test_empty_repository_gives_no_work_tree(git, tmp_path):
    host_git(tmp_path, "init", "-q")
    own(tmp_path)
    result, _ = git("add", f"{tmp_path}/.cam/x", "cam/x", folder=tmp_path)
    assert b"no commit yet" in result.stderr


def test_branch_shows_what_it_gained_and_is_merged(git, repository, worktree):
    tree = commit_in(git, repository, worktree, "one\ntwo\nthree\n")
    assert tree.branch == "cam/fix-it"
    assert [commit.subject for commit in tree.commits] == ["Fix it"]
    assert [(diff.path, diff.added) for diff in tree.branch_diffs] == [("cart.py", 1)]
    result, tree = git("merge", "cam/fix-it", folder=worktree, mounted=repository)
    assert result.exit_code == 0, result.stderr
    assert (repository / "cart.py").read_text() == "one\ntwo\nthree\n"
    assert (tree.commits, tree.branch_diffs) == ((), ())


def test_merge_waits_for_what_is_not_committed(git, repository, worktree):
    (worktree / "cart.py").write_text("x\n")
    result, tree = git("merge", "cam/fix-it", folder=worktree, mounted=repository)
    assert b"not committed" in result.stderr
    assert names_of(tree) == {"cart.py": "changed"}


def test_conflict_leaves_the_repository_as_it_was(git, repository, worktree):
    commit_in(git, repository, worktree, "one\nmine\n")
    (repository / "cart.py").write_text("one\nyours\n")
    own(repository)
    git("commit", "Yours", "cart.py", folder=repository)
    result, _ = git("merge", "cam/fix-it", folder=worktree, mounted=repository)
    assert result.exit_code
    assert b"Both sides changed these; nothing was merged: cart.py" in result.stderr
    assert host_git(repository, "status", "--porcelain") == ""
    assert (repository / "cart.py").read_text() == "one\nyours\n"


def test_discarded_branch_leaves_nothing(git, repository, worktree):
    commit_in(git, repository, worktree, "x\n")
    result, _ = git("remove", "cam/fix-it", folder=worktree, mounted=repository)
    assert result.exit_code == 0, result.stderr
    assert not worktree.exists()
    assert host_git(repository, "branch", "--format=%(refname:short)") == "main"
    assert host_git(repository, "worktree", "list").count("\n") == 0


def test_work_tree_that_lost_its_link_gets_it_again(git, repository, worktree):
    (worktree / ".git").unlink()
    _, tree = git("look", folder=worktree, mounted=repository)
    assert tree.branch == "cam/fix-it"
