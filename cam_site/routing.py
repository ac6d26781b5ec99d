from agents import routing as agents_routing
from voice_app import routing as voice_routing

websocket_urlpatterns = [
    *agents_routing.websocket_urlpatterns,
    *voice_routing.websocket_urlpatterns,
]
