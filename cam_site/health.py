"""For load balancers and whoever watches: does this process live, and can it serve?"""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis import Redis, RedisError

BROKER_TIMEOUT_SECONDS = 2


class HealthMiddleware:
    """Answers before anything else is asked of a request: who watches comes by an address, not by the site's name.

    /healthz: 200 as long as pages can be answered at all. /readyz: 503 where the database or the broker
    does not answer; says which, and no more.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain")
        if request.path == "/readyz":
            return readiness()
        return self.get_response(request)


def readiness() -> HttpResponse:
    parts = {"database": has_database(), "broker": has_broker()}
    told = {name: "ok" if is_there else "does not answer" for name, is_there in parts.items()}
    return JsonResponse(told, status=200 if all(parts.values()) else 503)


def has_database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def open_broker() -> Redis:
    """Asks and answers within BROKER_TIMEOUT_SECONDS, or RedisError; to be closed."""
    timeout = BROKER_TIMEOUT_SECONDS
    return Redis.from_url(
        settings.CAM_REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout
    )


def has_broker() -> bool:
    try:
        with open_broker() as broker:
            return bool(broker.ping())
    except (RedisError, OSError):
        return False
