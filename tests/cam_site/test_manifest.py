"""The portal can be installed: a manifest with icons that exist, linked on every page."""

import struct

import pytest
from django.conf import settings as site


@pytest.fixture
def manifest(client):
    response = client.get("/manifest.webmanifest")
    assert response.headers["Content-Type"] == "application/manifest+json"
    return response.json()


def test_it_has_what_browsers_ask_for(manifest):
    assert (manifest["name"], manifest["short_name"]) == ("CAM: Claude Agent Manager", "CAM")
    assert (manifest["display"], manifest["start_url"], manifest["scope"]) == (
        "standalone",
        "/",
        "/",
    )
    sizes = {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]}
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= sizes


def test_icons_are_pictures_of_the_size_they_say(manifest):
    pictures = [icon for icon in manifest["icons"] if icon["type"] == "image/png"]
    assert len(pictures) == 3
    for icon in pictures:
        path = site.BASE_DIR / "cam_site" / "static" / icon["src"].removeprefix("/static/")
        head = path.read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert "{}x{}".format(*struct.unpack(">II", head[16:])) == icon["sizes"]


def test_shortcut_launches_an_agent(manifest, client, alice):
    (shortcut,) = manifest["shortcuts"]
    client.force_login(alice)
    assert shortcut["name"] == "Launch an agent"
    assert client.get(shortcut["url"]).status_code == 200


def test_pages_link_it_and_the_policy_lets_it_load(client, db):
    response = client.get("/accounts/login/")
    assert '<link rel="manifest" href="/manifest.webmanifest">' in response.text
    assert response.text.count('name="theme-color"') == 2
    assert "manifest-src 'self'" in response.headers["Content-Security-Policy"]


def test_it_rejects_post(client):
    assert client.post("/manifest.webmanifest").status_code == 405
