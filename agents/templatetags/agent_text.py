"""Filters for what agents write: each gives text or HTML that is safe to put on a page."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from agents import rendering

register = template.Library()


@register.filter
def as_markdown(text: str) -> SafeString:
    """Sanitised HTML of an agent's markdown."""
    return mark_safe(rendering.markdown_to_html(text))  # noqa: S308 (sanitised there)


@register.filter
def as_terminal(text: str) -> rendering.Terminal:
    """Terminal output as coloured spans, for `agents/_terminal.html`."""
    return rendering.terminal(text)


@register.filter
def visible(text: object) -> str:
    """Text on one line or many with hidden and reordering characters spelled out."""
    return rendering.plain(str(text))


@register.filter
def path_name(text: object) -> str:
    """A file name, with line ends spelled out too."""
    return rendering.make_visible(str(text)).replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")
