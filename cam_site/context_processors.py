from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, bool]:  # noqa: ARG001
    return {"demo_mode": settings.CAM_DEMO_MODE}
