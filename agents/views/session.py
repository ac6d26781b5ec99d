from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def session_state(request: HttpRequest) -> JsonResponse:
    """Who is signed in: a page that was open for long asks, to say so where nobody is."""
    return JsonResponse({"username": request.user.get_username()})
