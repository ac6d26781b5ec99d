from django.urls import path

from voice_app import views

urlpatterns = [
    path("voice/recordings/", views.recording_add, name="recording_add"),
    path("voice/recordings/<uuid:recording_id>/", views.recording_state, name="recording_state"),
    path("config/voice/", views.voice_save, name="voice_save"),
]
