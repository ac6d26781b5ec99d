import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cam_site.settings")
http_application = get_asgi_application()

from cam_site.origins import BrowserOriginValidator  # noqa: E402
from cam_site.routing import websocket_urlpatterns  # noqa: E402 (apps must be loaded first)

application = ProtocolTypeRouter(
    {
        "http": http_application,
        "websocket": BrowserOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
    }
)
