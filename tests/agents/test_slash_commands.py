import pytest

from agents.slash_commands import MAX_COMMANDS, read_commands


def test_names_descriptions_and_hints_are_kept():
    answer = {
        "commands": [{"name": "compact", "description": "Make\nroom", "argumentHint": "[why]"}]
    }
    assert read_commands(answer) == [
        {"name": "compact", "description": "Make room", "hint": "[why]"}
    ]


@pytest.mark.parametrize(
    "commands", [None, "x", [1], [{}], [{"name": 1}], [{"name": " "}], [{"name": "__hidden"}]]
)
def test_malformed_and_hidden_commands_are_left_out(commands):
    assert read_commands({"commands": commands}) == []


def test_commands_are_bounded():
    many = [{"name": "x" * 1000, "description": "y" * 1000}] * (MAX_COMMANDS + 1)
    found = read_commands({"commands": many})
    assert (len(found), len(found[0]["name"]), len(found[0]["description"])) == (200, 100, 300)
