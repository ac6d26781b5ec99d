import stat
from io import StringIO

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from agents.encryption import Unreadable, decrypt, encrypt, rotate
from agents.models import OwnKey
from agents.services.own_keys import reveal, set_own_key
from cam_site import env

KEY = "sk-ant-api03-" + "A" * 40
OLD, NEW = "old-" * 10, "new-" * 10


def test_key_file_is_made_once_and_is_ones_own(data_dir, settings):
    secret = encrypt("word")
    path = data_dir / "encryption.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert decrypt(secret) == "word"
    assert [file.name for file in data_dir.iterdir()] == ["encryption.key"]


def test_ciphertext_says_nothing_and_is_another_each_time(data_dir):
    one, two = encrypt("word"), encrypt("word")
    assert one != two
    assert "word" not in one + two


def test_setting_is_used_instead_of_the_file(data_dir, settings):
    settings.CAM_ENCRYPTION_KEYS = [OLD]
    assert decrypt(encrypt("word")) == "word"
    assert not data_dir.exists()


@pytest.mark.parametrize("bad", ["", "rubbish", "gAAAA", "ü"])
def test_rubbish_is_unreadable(data_dir, bad):
    with pytest.raises(Unreadable):
        decrypt(bad)


def test_another_key_cannot_read_it(settings):
    settings.CAM_ENCRYPTION_KEYS = [OLD]
    secret = encrypt("word")
    settings.CAM_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(Unreadable):
        decrypt(secret)
    with pytest.raises(Unreadable):
        rotate(secret)


def test_rotation_lets_the_old_key_go(alice, settings):
    settings.CAM_ENCRYPTION_KEYS = [OLD]
    set_own_key(alice, KEY)
    settings.CAM_ENCRYPTION_KEYS = [NEW, OLD]
    said = StringIO()
    call_command("rotate_keys", stdout=said)
    settings.CAM_ENCRYPTION_KEYS = [NEW]
    assert reveal(OwnKey.objects.get()) == KEY
    assert said.getvalue() == "encrypted again: 1; not readable with any key: 0\n"


def test_rotation_counts_what_no_key_reads(alice, settings):
    settings.CAM_ENCRYPTION_KEYS = [OLD]
    set_own_key(alice, KEY)
    before = OwnKey.objects.get().encrypted_key
    settings.CAM_ENCRYPTION_KEYS = [NEW]
    said = StringIO()
    call_command("rotate_keys", stdout=said)
    assert "not readable with any key: 1" in said.getvalue()
    assert OwnKey.objects.get().encrypted_key == before


@pytest.mark.parametrize("raw", ["short", f"{OLD},short"])
def test_short_keys_stop_the_start_and_are_not_quoted(raw):
    with pytest.raises(ImproperlyConfigured, match="CAM_ENCRYPTION_KEYS") as caught:
        env.encryption_keys(raw)
    assert "short" not in str(caught.value)


@pytest.mark.parametrize("raw", ["x", "A" * 42, "A" * 45, "+" * 43])
def test_bad_vapid_key_stops_the_start_and_is_not_quoted(raw):
    with pytest.raises(ImproperlyConfigured, match="CAM_VAPID_PRIVATE_KEY") as caught:
        env.vapid_key(raw)
    assert raw not in str(caught.value) or raw == "x"
