"""Download one version of the Claude Code CLI from the npm registry: fetch_cli.py VERSION TARGET.

Runs while the image is built, with nothing but the standard library. Proxies come from the
environment (https_proxy), trusted certificates from the base image.
"""

import base64
import hashlib
import json
import platform
import shutil
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import IO

REGISTRY_URL = "https://registry.npmjs.org"
TIMEOUT_SECONDS = 60
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}

# What the registry said when the version was pinned. A version that is not listed is checked
# against what the registry says today, which finds a broken download but not a changed package.
PINNED_INTEGRITY = {
    ("2.1.330", "x64"): (
        "sha512-9Gn+V7DtJ8M1nztP9CeDVl9g3RtrepI7rOFTyPRRnZe8D6ze"
        "bIHKmC7OvBauucuAP0X0k85SDN/LPVZyjsGezQ=="
    ),
    ("2.1.330", "arm64"): (
        "sha512-V4yanAY5EA5UpwwRPtjSfqDbNqAlUJeVn3NYZw2AgmRHjdpS"
        "sLtHAzbxRXfkAnbjwTXzE0uedjQxUY02ARPcsA=="
    ),
}


def main(version: str, target: Path) -> None:
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        sys.exit(f"There is no Claude Code CLI for {machine}; use an x86_64 or aarch64 machine.")
    architecture = ARCHITECTURES[machine]
    package = f"@anthropic-ai/claude-code-linux-{architecture}"
    with open_url(f"{REGISTRY_URL}/{package}/{version}") as response:
        dist = json.load(response)["dist"]
    integrity = PINNED_INTEGRITY.get((version, architecture), dist["integrity"])
    with tempfile.TemporaryFile() as archive:
        with open_url(dist["tarball"]) as response:
            shutil.copyfileobj(response, archive)
        check_integrity(archive, integrity)
        extract_program(archive, target)
    sys.stdout.write(f"{package} {version}: {target.stat().st_size:,} bytes\n")


def open_url(url: str) -> IO[bytes]:
    if not url.startswith("https://"):
        sys.exit(f"Not a secure address: {url[:100]}")
    response: IO[bytes] = urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS)  # noqa: S310
    return response


def check_integrity(archive: IO[bytes], integrity: str) -> None:
    """Leave the process with a message unless the digest is the given `sha512-<base64>`."""
    archive.seek(0)
    digest = hashlib.sha512()
    while chunk := archive.read(1 << 20):
        digest.update(chunk)
    found = "sha512-" + base64.b64encode(digest.digest()).decode()
    if found != integrity:
        sys.exit(
            f"The download has the digest {found}, expected {integrity}. Nothing was installed."
        )


def extract_program(archive: IO[bytes], target: Path) -> None:
    archive.seek(0)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=archive) as package:
        program = package.extractfile("package/claude")
        if program is None:
            sys.exit("The npm package holds no file package/claude; its layout has changed.")
        with target.open("wb") as out:
            shutil.copyfileobj(program, out)
    target.chmod(0o755)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
