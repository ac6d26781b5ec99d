"""What keys do: the list that the overlay shows and that `shortcuts.js` reads off it."""

from dataclasses import dataclass
from typing import Literal

from django.contrib.auth.models import AnonymousUser, User

from agents.places import places_for

Action = Literal["", "allow", "copy", "deny", "focus", "go", "help", "next", "press", "previous"]

WALKED = ".agent-link, #transcript > li, .approval"


@dataclass(frozen=True)
class Shortcut:
    """`keys` are pressed one after the other. Without an action, another script sees to it.

    `target` is a selector, or the address to go to.
    """

    keys: str
    does: str
    action: Action = ""
    target: str = ""

    @property
    def each_key(self) -> list[str]:
        return self.keys.split(" ")


@dataclass(frozen=True)
class ShortcutGroup:
    title: str
    shortcuts: tuple[Shortcut, ...]


EVERYWHERE = (
    Shortcut("Ctrl+K", "Find an agent, a page or an action (⌘K on a Mac)"),
    Shortcut("?", "Show these shortcuts", "help"),
    Shortcut("j", "To the next agent, row or request", "next", WALKED),
    Shortcut("k", "To the one before", "previous", WALKED),
)
ON_AN_AGENTS_PAGE = (
    Shortcut("/", "To the prompt", "focus", "#prompt"),
    Shortcut("v", "Speak to the agent, and again: end", "press", "#microphone"),
    Shortcut("a", "Allow the request that has the focus, once", "allow"),
    Shortcut("d", "Deny the request that has the focus", "deny"),
    Shortcut("c", "Copy the row that has the focus", "copy"),
    Shortcut("↑", "In an empty prompt: what you said before"),
    Shortcut("Enter", "Send the prompt; Shift Enter starts a line"),
    Shortcut("Esc", "Interrupt the turn"),
)


def shortcuts_for(user: User | AnonymousUser) -> list[ShortcutGroup]:
    places = (
        Shortcut(f"g {place.key}", place.title, "go", place.href)
        for place in places_for(user)
        if place.key
    )
    return [
        ShortcutGroup("Everywhere", EVERYWHERE),
        ShortcutGroup("On an agent's page", ON_AN_AGENTS_PAGE),
        ShortcutGroup("Go to", tuple(places)),
    ]
