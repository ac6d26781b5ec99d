import io
import zlib

import pytest
from PIL import Image

from agents.pictures import (
    MAX_EDGE_PIXELS,
    MAX_STORED_BYTES,
    MAX_UPLOAD_BYTES,
    PictureError,
    make_picture,
)


def encoded(file_format="PNG", size=(40, 30), mode="RGB", **options):
    file = io.BytesIO()
    Image.new(mode, size, "red").save(file, file_format, **options)
    return file.getvalue()


def noise(size):
    file = io.BytesIO()
    Image.effect_noise(size, 200).convert("RGB").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "GIF", "WEBP"])
def test_usual_formats_are_taken(file_format):
    picture = make_picture(encoded(file_format))
    assert (picture.media_type, picture.width, picture.height) == ("image/png", 40, 30)


def test_large_picture_is_made_smaller():
    picture = make_picture(noise((3000, 1500)))
    assert (picture.width, picture.height) == (MAX_EDGE_PIXELS, MAX_EDGE_PIXELS // 2)
    assert picture.media_type == "image/jpeg"
    assert len(picture.data) <= MAX_STORED_BYTES


def test_nothing_of_the_upload_but_its_pixels_is_kept():
    polyglot = encoded("PNG") + b"<script>alert(1)</script>"
    assert b"script" not in make_picture(polyglot).data
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    assert b"where I live" not in make_picture(encoded("JPEG", exif=exif)).data


def test_transparency_stays():
    with Image.open(io.BytesIO(make_picture(encoded(mode="RGBA")).data)) as image:
        assert image.mode == "RGBA"


def bomb():
    """A PNG of some hundred bytes that says it has 10,000,000,000 pixels."""

    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    size = (100_000).to_bytes(4, "big")
    head = chunk(b"IHDR", size + size + b"\x08\x02\x00\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "no picture"),
        (encoded()[:60], "no picture"),
        (encoded("BMP"), "no picture"),
        (encoded("TIFF"), "no picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 100, "no picture"),
        (b"x" * (MAX_UPLOAD_BYTES + 1), "larger than 10 MB"),
        (encoded("GIF", (6001, 6000), mode="P"), "6001 x 6000 pixels"),
    ],
)
def test_bad_pictures_are_refused_in_words(data, words):
    with pytest.raises(PictureError, match=words):
        make_picture(data)


def test_decompression_bomb_is_refused():
    with pytest.raises(PictureError):
        make_picture(bomb())
