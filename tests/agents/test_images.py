import base64

import pytest

from agents.images import MAX_IMAGES, image_block, image_number, media_type_of, take_images

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"


def block(data=PNG, claimed="image/png"):
    return image_block(claimed, data)


def line(*content):
    return {"type": "user", "message": {"content": list(content)}}


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"<script>", None),
        (b"", None),
    ],
)
def test_type_is_by_content(data, media_type):
    assert media_type_of(data) == media_type


def test_images_of_prompt_and_of_results_are_taken_out():
    result = {"type": "tool_result", "tool_use_id": "t", "content": [block()]}
    payload = line({"type": "text", "text": "look"}, block(), result)
    found = take_images(payload)
    assert [(image.number, image.media_type, image.data) for image in found] == [
        (0, "image/png", PNG),
        (1, "image/png", PNG),
    ]
    assert base64.b64encode(PNG).decode() not in str(payload)
    assert image_number(payload["message"]["content"][1]) == 0
    assert image_number(result["content"][0]) == 1


def test_second_copy_beside_a_result_is_dropped():
    payload = line() | {"tool_use_result": {"type": "image", "file": {"base64": "QUJD" * 100}}}
    take_images(payload)
    assert payload["tool_use_result"]["file"]["base64"] == ""


@pytest.mark.parametrize(
    "source",
    [
        {"type": "base64", "media_type": "image/png", "data": "not base64!"},
        {"type": "base64", "media_type": "image/png", "data": 7},
        {"type": "base64", "media_type": "image/svg+xml", "data": "PHN2Zz4="},
        {"type": "stored", "number": 0},
        {"type": "url", "url": "http://169.254.169.254/"},
        None,
        "x",
    ],
)
def test_what_is_no_image_is_dropped(source):
    payload = line({"type": "image", "source": source})
    assert take_images(payload) == []
    assert image_number(payload["message"]["content"][0]) is None


def test_a_line_of_many_images_is_bounded():
    payload = line(*(block() for _ in range(MAX_IMAGES + 5)))
    assert len(take_images(payload)) == MAX_IMAGES


@pytest.mark.parametrize(
    "payload", [{}, {"message": None}, {"message": {"content": "x"}}, {"message": {"content": [1]}}]
)
def test_malformed_lines_have_none(payload):
    assert take_images(payload) == []


@pytest.mark.parametrize("number", [-1, MAX_IMAGES, "0", None, 10**400])
def test_numbers_that_were_not_given_are_none(number):
    assert image_number({"type": "image", "source": {"type": "stored", "number": number}}) is None
