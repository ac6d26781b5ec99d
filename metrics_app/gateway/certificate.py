"""The gateway's own certificate, as the containers find it."""

import os
from contextlib import suppress
from pathlib import Path


def publish_ca(ca_dir: Path, public_dir: Path) -> None:
    """Copy the certificate, without its key, to where containers find it."""
    certificate = (ca_dir / "mitmproxy-ca-cert.pem").read_bytes()
    published = public_dir / "ca.pem"
    with suppress(FileNotFoundError):
        if published.read_bytes() == certificate:
            return
    draft = public_dir / f".ca.pem.{os.getpid()}"
    draft.write_bytes(certificate)
    draft.chmod(0o644)
    draft.replace(published)
