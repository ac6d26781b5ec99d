from django.urls import path

from voice_app.consumers import SpeechConsumer

websocket_urlpatterns = [path("ws/pages/speech/", SpeechConsumer.as_asgi())]
