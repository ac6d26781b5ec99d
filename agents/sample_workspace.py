"""The default workspace root, with a small git repository to try agents on."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

SAMPLE = Path(__file__).resolve().parent / "sample_repository"
# Agents never run as root: what root installs for nobody in particular belongs to the first ordinary user.
FALLBACK_ID = 1000


class Owner(NamedTuple):
    uid: int
    gid: int


def agent_owner(base_dir: Path, environ: Mapping[str, str] = os.environ) -> Owner:
    """Whose files a new workspace is, and so whose uid its agents have: never root's.

    The user who runs this, else the one who called sudo, else the owner of the installation, else 1000.
    """
    if os.getuid() != 0:
        return Owner(os.getuid(), os.getgid())
    sudo_uid = environ.get("SUDO_UID", "0")
    if sudo_uid.isdigit() and int(sudo_uid) != 0:
        return Owner(int(sudo_uid), int(environ.get("SUDO_GID", sudo_uid)))
    status = base_dir.stat()
    if status.st_uid != 0:
        return Owner(status.st_uid, status.st_gid)
    return Owner(FALLBACK_ID, FALLBACK_ID)


def make_default_root(root: Path, *, owner: Owner) -> None:
    """Make `root` with the sample in it, all of it or nothing.

    git runs here and only here on the host: later an agent could have made the tree run commands.
    """
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        made = Path(scratch) / root.name
        shutil.copytree(
            SAMPLE, made / "sample", ignore=shutil.ignore_patterns("__pycache__", ".*_cache")
        )
        _commit_all(made / "sample")
        for path in [made, *made.rglob("*")]:
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
        made.chmod(0o755)
        made.rename(root)


def _commit_all(repository: Path) -> None:
    """A first commit that depends on no configuration of this host."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(repository),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "CAM" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "cam@localhost" for who in ("AUTHOR", "COMMITTER")},
    }
    for arguments in (
        ("init", "--quiet", "--initial-branch=main", "--template="),
        ("add", "--all"),
        ("commit", "--quiet", "--message=A small shop, to try agents on"),
    ):
        subprocess.run(["git", *arguments], cwd=repository, env=environment, check=True)
