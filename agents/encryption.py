"""Users' secrets at rest: Fernet, by keys that are derived from a setting or from a file.

The first key encrypts, all of them decrypt: put a new one in front, run `manage.py rotate_keys`,
then take the old one out.
"""

import base64
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from agents.key_files import read_or_make


class Unreadable(Exception):
    """None of the keys that are in force made this ciphertext."""


def encrypt(text: str) -> str:
    return _box().encrypt(text.encode()).decode()


def decrypt(ciphertext: str) -> str:
    """Raises Unreadable."""
    try:
        return _box().decrypt(ciphertext.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def rotate(ciphertext: str) -> str:
    """The same secret under the first key. Raises Unreadable."""
    try:
        return _box().rotate(ciphertext.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


def _box() -> MultiFernet:
    return MultiFernet([Fernet(_derive(phrase)) for phrase in _phrases()])


def _phrases() -> list[str]:
    if settings.CAM_ENCRYPTION_KEYS:
        return list(settings.CAM_ENCRYPTION_KEYS)
    path = Path(settings.CAM_DATA_DIR) / "encryption.key"
    return read_or_make(path, lambda: secrets.token_urlsafe(48).encode()).decode().split()


def _derive(phrase: str) -> bytes:
    raw = HKDF(SHA256(), length=32, salt=None, info=b"cam: secrets of users").derive(
        phrase.encode()
    )
    return base64.urlsafe_b64encode(raw)
