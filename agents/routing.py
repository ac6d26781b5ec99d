from django.urls import path

from agents import consumers

websocket_urlpatterns = [
    path("ws/agent/<uuid:agent_id>", consumers.AgentJsonConsumer.as_asgi()),
    path("ws/pages/agents/", consumers.AgentListConsumer.as_asgi()),
    path("ws/pages/agents/<uuid:agent_id>/", consumers.AgentPageConsumer.as_asgi()),
]
