"""Pushes to browsers: encrypted for the one browser (RFC 8291), signed by the site's key (RFC 8292)."""

import json
import os
import time
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from py_vapid import Vapid02
from py_vapid.utils import b64urldecode, b64urlencode, num_to_bytes

from agents.key_files import read_or_make
from agents.models import PushSubscription
from agents.outbound import Answer, post

TTL_SECONDS = 4 * 3600
TOKEN_SECONDS = 12 * 3600


def public_key() -> str:
    """What a browser subscribes with."""
    return encode_point(_site_key().public_key)


def encode_point(key: ec.EllipticCurvePublicKey) -> str:
    return str(b64urlencode(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)))


def check_keys(p256dh: str, auth: str) -> None:
    """Raises ValueError where a browser's keys are none."""
    point, secret = b64urldecode(p256dh.encode()), b64urldecode(auth.encode())
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    if len(secret) != 16:
        raise ValueError("expected 16 bytes")


def send(subscription: PushSubscription, payload: dict[str, str]) -> Answer:
    """Raises OutboundError."""
    body = _encrypt(subscription, json.dumps(payload).encode())
    parts = urlsplit(subscription.endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": str(int(time.time()) + TOKEN_SECONDS),
        "sub": _contact(),
    }
    headers = {
        **_site_key().sign(claims),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(TTL_SECONDS),
        "Urgency": "high",
    }
    return post(subscription.endpoint, body, headers, may_reach=settings.CAM_MAY_NOTIFY)


def _encrypt(subscription: PushSubscription, content: bytes) -> bytes:
    encrypted: bytes = http_ece.encrypt(
        content,
        salt=os.urandom(16),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=b64urldecode(subscription.p256dh.encode()),
        auth_secret=b64urldecode(subscription.auth.encode()),
        version="aes128gcm",
    )
    return encrypted


def _contact() -> str:
    """Whom a push service may turn to."""
    if settings.CAM_PUBLIC_URL.startswith("https://"):
        return str(settings.CAM_PUBLIC_URL)
    return f"mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}"


def _site_key() -> Vapid02:
    raw = settings.CAM_VAPID_PRIVATE_KEY.encode() or read_or_make(
        Path(settings.CAM_DATA_DIR) / "vapid.key", _make_key
    )
    return Vapid02.from_raw(raw.strip())


def _make_key() -> bytes:
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return str(b64urlencode(num_to_bytes(number, 32))).encode()
