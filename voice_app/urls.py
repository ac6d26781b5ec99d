from django.urls import path

from voice_app import views

urlpatterns = [path("config/voice/", views.voice_save, name="voice_save")]
