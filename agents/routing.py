from django.urls import path

from agents import consumers
from agents.notices import NoticesConsumer

websocket_urlpatterns = [
    path("ws/agent/<uuid:agent_id>", consumers.AgentJsonConsumer.as_asgi()),
    path("ws/pages/notices/", NoticesConsumer.as_asgi()),
    path("ws/pages/agents/", consumers.AgentListConsumer.as_asgi()),
    path("ws/pages/agents/<uuid:agent_id>/", consumers.AgentPageConsumer.as_asgi()),
]
