"""Uploaded pictures made safe and small enough for a prompt. Knows neither Django nor a database.

A picture is decoded and written anew, so nothing of the upload but its pixels is kept: no metadata, no
second file that hides behind the first.
"""

import io
from dataclasses import dataclass

from PIL import Image, ImageOps

MAX_UPLOAD_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 36_000_000
# The model's own limit, above which the API makes an image smaller.
MAX_EDGE_PIXELS = 1568
# Four of them and their text fit into a line that the bridge keeps whole.
MAX_STORED_BYTES = 600_000
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
JPEG_QUALITIES = (88, 75, 60, 40)


class PictureError(Exception):
    """It cannot be used; `str()` says why, for a person."""


@dataclass(frozen=True)
class Picture:
    media_type: str
    width: int
    height: int
    data: bytes


def make_picture(data: bytes) -> Picture:
    """A PNG or JPEG of at most MAX_EDGE_PIXELS and MAX_STORED_BYTES; of an animation its first image.

    Raises PictureError.
    """
    if not data:
        raise PictureError("The file is empty.")
    if len(data) > MAX_UPLOAD_BYTES:
        raise PictureError(f"The picture is larger than {MAX_UPLOAD_BYTES >> 20} MB.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            _check_size(opened.size)
            image = _shrink(opened)
        return _encode(image)
    # Pillow's readers raise whatever their parsing runs into.
    except (
        OSError,
        ValueError,
        SyntaxError,
        ArithmeticError,
        LookupError,
        Image.DecompressionBombError,
    ) as exc:
        raise PictureError("This is no picture that can be read: PNG, JPEG, GIF or WebP.") from exc


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise PictureError(
            f"The picture has {size[0]} x {size[1]} pixels; {MAX_PIXELS // 10**6} million are the most."
        )


def _shrink(opened: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(opened)
    image.thumbnail((MAX_EDGE_PIXELS, MAX_EDGE_PIXELS))
    is_seen_through = "A" in image.getbands() or "transparency" in image.info
    return image.convert("RGBA" if is_seen_through else "RGB")


def _encode(image: Image.Image) -> Picture:
    """As PNG where that is small, as screenshots mostly are; else as JPEG."""
    data = _save(image, "PNG", optimize=True)
    media_type = "image/png"
    for quality in JPEG_QUALITIES:
        if len(data) <= MAX_STORED_BYTES:
            break
        data = _save(_on_white(image), "JPEG", quality=quality, optimize=True)
        media_type = "image/jpeg"
    return Picture(media_type, image.width, image.height, data)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _save(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()
