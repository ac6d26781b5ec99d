from django.conf import settings
from django.db import models

from agents.models.agent import EditMode


class LaunchDefaults(models.Model):
    """What a user's launch form begins with."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="launch_defaults"
    )
    model = models.CharField(max_length=100, blank=True, help_text="Empty: the site's first.")
    edit_mode = models.CharField(max_length=10, choices=EditMode, default=EditMode.ASK)

    def __str__(self) -> str:
        return f"{self.user_id}: {self.model}"


class OwnKey(models.Model):
    """A user's own key to the model API, encrypted; it pays for this user's agents."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="own_key"
    )
    encrypted_key = models.TextField(editable=False)
    hint = models.CharField(max_length=4, editable=False, help_text="How the key ends.")
    set_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"…{self.hint}"


class SiteSetting(models.Model):
    """A setting's value that staff chose; without a row, `.env` says it."""

    name = models.CharField(max_length=60, primary_key=True)
    value = models.TextField(blank=True, help_text="As it would be written in .env.")

    def __str__(self) -> str:
        return self.name


class SiteSettingChange(models.Model):
    """Who changed a setting of the site, when, from what to what. The last one's id is the version."""

    name = models.CharField(max_length=60)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    changed_at = models.DateTimeField(auto_now_add=True)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    is_reset = models.BooleanField(default=False)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name
