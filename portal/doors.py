"""Which requests pass by what only people's pages need, and which answers nobody keeps."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, resolve
from django.utils import translation

SENDERS = "/api/v1/tenants/"


class SendersDoor:
    """A sender has no session, language, time zone or history, and reads no policy for browsers:
    its post goes straight to the webhook, which halves what Django spends on it.

    Stands behind what holds for everybody (https, hosts) and before what is for people.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(SENDERS):
            return self.get_response(request)
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        request.resolver_match = match
        request.get_host()  # refuses a host that is not ours
        with translation.override("en"):  # or it would be that of whom this thread served last
            response: HttpResponse = match.func(request, *match.args, **match.kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


class ForNobodyElse:
    """What one person is answered is kept by no cache, also where it is a refusal.

    Stands behind what serves static files, which anybody may keep.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
