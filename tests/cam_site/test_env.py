from decimal import Decimal
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from cam_site import env


@pytest.mark.parametrize("raw", ["1", "true", "YES", " on "])
def test_boolean_true(raw):
    assert env.boolean(raw) is True


@pytest.mark.parametrize("raw", ["0", "false", "No", "off"])
def test_boolean_false(raw):
    assert env.boolean(raw) is False


@pytest.mark.parametrize("raw", ["2", "yess", "y", "None", "true false"])
def test_boolean_refuses_what_is_neither(raw):
    with pytest.raises(ValueError, match="true or false"):
        env.boolean(raw)


@pytest.mark.parametrize(
    "raw", ["0", "11", "-1", "1.5", "x", "", "--2", "0x3", "1e1", "²", "9" * 5000]
)
def test_integer_refuses_what_is_not_in_range(raw):
    with pytest.raises(ValueError, match=r"1 to 10|digits|literal"):
        env.integer(at_least=1, at_most=10)(raw)


def test_integer_takes_both_ends():
    parse = env.integer(at_least=-1, at_most=10)
    assert (parse("-1"), parse("10")) == (-1, 10)


@pytest.mark.parametrize("raw", ["nan", "snan", "inf", "-inf", "-0.1", "4.1", "x", "", "1,5"])
def test_decimal_refuses_what_is_not_in_range(raw):
    with pytest.raises(ValueError, match="0 to 4"):
        env.decimal(at_least=Decimal(0), at_most=Decimal(4))(raw)


def test_decimal_takes_both_ends_exactly():
    parse = env.decimal(at_least=Decimal(0), at_most=Decimal(4))
    assert (parse("0"), parse("0.1"), parse("4")) == (0, Decimal("0.1"), 4)


@pytest.mark.parametrize("raw", ["nan", "inf", "-inf", "0.05", "x", "", "1,5", "1e400"])
def test_number_refuses_what_is_not_in_range(raw):
    with pytest.raises(ValueError, match=r"0\.1 to 4"):
        env.number(at_least=0.1, at_most=4)(raw)


def test_number_takes_fractions():
    assert env.number(at_least=0.1, at_most=4)("0.5") == 0.5


def test_words_split_at_commas_outside_parentheses():
    assert env.words(" Read, Bash(a,b:*) ,,Edit") == ["Read", "Bash(a,b:*)", "Edit"]


def test_words_of_nothing_are_none():
    assert env.words(" , ") == []


@pytest.mark.parametrize("raw", ["Bash(ls", "Bash)ls(", "a),b(", "Bash(ls))"])
def test_words_refuse_parentheses_that_do_not_match(raw):
    with pytest.raises(ValueError, match="parentheses"):
        env.words(raw)


@pytest.mark.parametrize("raw", ["", "Base", "huge"])
def test_choice_refuses_another_word(raw):
    with pytest.raises(ValueError, match="tiny, base"):
        env.choice("tiny", "base")(raw)


def test_choice_takes_a_listed_word():
    assert env.choice("tiny", "base")("base") == "base"


@pytest.mark.parametrize("raw", ["relative/path", "./x", "../x", "C:\\x"])
def test_directories_refuse_relative_paths(raw):
    with pytest.raises(ValueError, match="absolute"):
        env.directories(f"/srv,{raw}")


def test_directories_are_a_list():
    assert env.directories("/srv/a, /srv/b") == [Path("/srv/a"), Path("/srv/b")]


def test_relative_path_is_taken_from_the_base(tmp_path):
    assert env.path_under(tmp_path)("data/x") == tmp_path / "data" / "x"
    assert env.path_under(tmp_path)("/elsewhere") == Path("/elsewhere")


@pytest.mark.parametrize("raw", ["missing.json", ".", "\0"])
def test_json_file_refuses_what_is_no_file(tmp_path, raw):
    with pytest.raises(ValueError):  # noqa: PT011 (a NUL byte is refused by the system, in its words)
        env.json_file(tmp_path)(raw)


@pytest.mark.parametrize("text", ["# Not JSON", "[]", "{", "\xff"])
def test_json_file_refuses_another_content(tmp_path, text):
    (tmp_path / "profile.json").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match="JSON"):
        env.json_file(tmp_path)("profile.json")


def test_json_file_takes_an_object(tmp_path):
    (tmp_path / "profile.json").write_text("{}")
    assert env.json_file(tmp_path)("profile.json") == tmp_path / "profile.json"


@pytest.mark.parametrize(
    "raw", ["", "api.example.org", "ftp://example.org", "https:", "https://", "//x"]
)
def test_url_refuses_another_scheme_or_no_host(raw):
    with pytest.raises(ValueError, match="https://"):
        env.url("http", "https")(raw)


def test_url_takes_a_socket_path():
    assert env.url("unix")("unix:///run/valkey.sock") == "unix:///run/valkey.sock"


def test_read_names_the_variable_and_cuts_the_value(monkeypatch):
    monkeypatch.setenv("CAM_SOMETHING", "x" * 300)
    with pytest.raises(ImproperlyConfigured) as caught:
        env.read("CAM_SOMETHING", env.boolean, "false")
    assert str(caught.value).startswith("CAM_SOMETHING='xxx")
    assert len(str(caught.value)) < 200


def test_read_takes_the_default_where_the_variable_is_empty(monkeypatch):
    monkeypatch.setenv("CAM_SOMETHING", "")
    assert env.read("CAM_SOMETHING", env.integer(at_least=1, at_most=9), "7") == 7


def test_host_patterns_are_normalised():
    assert env.host_patterns("PyPI.org, *.Example.com") == ["pypi.org", "*.example.com"]


@pytest.mark.parametrize("raw", ["https://pypi.org", "10.0.0.1", "*", "a..b", "*.*.org", "a b"])
def test_host_patterns_refuse_what_is_no_name(raw):
    with pytest.raises(ValueError, match="host name"):
        env.host_patterns(raw)


def test_ip_addresses():
    assert env.ip_addresses("1.1.1.3, ::1") == ["1.1.1.3", "::1"]
    with pytest.raises(ValueError, match="example"):
        env.ip_addresses("dns.example.org")


def test_some_words_refuse_an_empty_list():
    assert env.some_words("a,b") == ["a", "b"]
    with pytest.raises(ValueError, match="at least one"):
        env.some_words(" , ")


def test_matching_takes_the_whole_text():
    parse = env.matching("[a-z]+", "small letters")
    assert parse("abc") == "abc"
    for raw in ("", "abc1", "abc\n", "ABC"):
        with pytest.raises(ValueError, match="small letters"):
            parse(raw)


def test_origins():
    assert env.origins("https://cam.example.org, http://a:8420") == [
        "https://cam.example.org",
        "http://a:8420",
    ]


@pytest.mark.parametrize(
    "raw",
    ["cam.example.org", "https://", "ftp://a", "https://a/path", "https://a?b", "https://u@a"],
)
def test_origins_refuse_what_is_none(raw):
    with pytest.raises(ValueError, match="no origin"):
        env.origins(raw)


@pytest.mark.parametrize(
    ("raw", "port"),
    [("smtp://m", 25), ("smtp+tls://m", 587), ("smtp+ssl://m", 465), ("smtp://u:p@m:2525", 2525)],
)
def test_mail_server_knows_the_ports(raw, port):
    assert env.mail_server(raw)["EMAIL_PORT"] == port


@pytest.mark.parametrize(
    "raw",
    [
        *("", "mail.example.org", "smtp://", "smtps://u:hunter2@m", "https://m", "consolemail://m"),
        *("smtp://u:hunter2@m:99999", "smtp://u:hunter2/x@m", "smtp://u:hunter2?x@m"),
        *("smtp://u:hunter2#x@m", "smtp://u@m", "smtp://:hunter2@m", "smtp://m/path"),
    ],
)
def test_mail_server_refuses_others_and_quotes_no_password(raw):
    with pytest.raises(ImproperlyConfigured, match="CAM_EMAIL_URL: expected") as caught:
        env.mail_server(raw)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("raw", ["cam@example.org", "CAM <cam@example.org>", "cam@localhost"])
def test_mail_sender_takes_an_address_with_or_without_a_name(raw):
    assert env.mail_sender(raw) == raw


@pytest.mark.parametrize(
    "raw", ["", "cam", "CAM <cam>", "a@b.org, c@d.org", "a@b.org\nBcc: c@d.org", "<a@b.org> CAM"]
)
def test_mail_sender_refuses_what_is_no_address(raw):
    with pytest.raises(ValueError, match="expected an address"):
        env.mail_sender(raw)


def test_value_comes_from_a_file_where_its_variable_is_empty(monkeypatch, tmp_path):
    path = tmp_path / "secret"
    path.write_text("from-the-file\n")
    monkeypatch.setenv("CAM_TRIED_FILE", str(path))
    assert env.read("CAM_TRIED", env.text, "default") == "from-the-file"
    monkeypatch.setenv("CAM_TRIED", "from-the-variable")
    assert env.read("CAM_TRIED", env.text, "default") == "from-the-variable"
    monkeypatch.delenv("CAM_TRIED")
    path.write_text("")
    assert env.read("CAM_TRIED", env.text, "default") == "default"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_file_that_cannot_be_read_is_named(monkeypatch, tmp_path, content):
    path = tmp_path / "secret"
    if content:
        path.write_bytes(content)
    monkeypatch.setenv("CAM_TRIED_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match=r"CAM_TRIED_FILE=.*cannot be read"):
        env.read("CAM_TRIED", env.text, "default")
