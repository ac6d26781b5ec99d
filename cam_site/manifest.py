"""What makes the portal installable: its name, icons and colours, for the browser."""

from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

GROUND = "#faf9f6"
ACCENT = "#0b6b62"


@require_safe
@cache_control(max_age=3600)
def web_manifest(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """The icons' addresses carry hashes, so this is no static file. Says nothing about anybody."""
    icons = [
        {"src": static("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
        _icon("icons/icon-192.png", 192, "any"),
        _icon("icons/icon-512.png", 512, "any"),
        _icon("icons/maskable-512.png", 512, "maskable"),
    ]
    content = {
        "name": "CAM: Claude Agent Manager",
        "short_name": "CAM",
        "description": "Launch, watch and answer Claude Code agents.",
        "id": "/",
        "start_url": reverse("agent_list"),
        "scope": "/",
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": ACCENT,
        "icons": icons,
        "shortcuts": [
            {
                "name": "Launch an agent",
                "short_name": "Launch",
                "url": reverse("agent_launch"),
                "icons": [_icon("icons/icon-192.png", 192, "any")],
            }
        ],
    }
    return JsonResponse(content, content_type="application/manifest+json")


def _icon(path: str, size: int, purpose: str) -> dict[str, str]:
    return {
        "src": static(path),
        "sizes": f"{size}x{size}",
        "type": "image/png",
        "purpose": purpose,
    }
