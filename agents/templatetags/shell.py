"""What surrounds every page: `{% load shell %}`."""

from django import template
from django.contrib.auth.models import AnonymousUser, User

from agents.shortcuts import ShortcutGroup, shortcuts_for

register = template.Library()


@register.simple_tag
def shortcut_groups(user: User | AnonymousUser) -> list[ShortcutGroup]:
    return shortcuts_for(user)
