"""The error bodies of Genesys Cloud."""

from connector.simulator.http import Reply, json_reply
from connector.simulator.names import new_id
from connector.simulator.world import Json

ERRORS = {
    400: ("bad.request", "The request could not be understood by the server."),
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("missing.permissions", "Unable to perform the requested action."),
    404: ("not.found", "The requested resource was not found."),
    405: ("method.not.allowed", "The method is not allowed for this resource."),
    408: ("request.timeout", "The request timed out."),
    415: ("unsupported.media.type", "Unsupported media type."),
    500: ("internal.server.error", "The server encountered an unexpected condition."),
    502: ("bad.gateway", "The upstream server did not answer as expected."),
    503: (
        "service.unavailable",
        (
            "Service Unavailable - The server is currently unavailable "
            "(because it is overloaded or down for maintenance)."
        ),
    ),
    504: ("request.timeout", "The request timed out."),
}
NO_TOKEN = "No authentication bearer token specified in authorization header."  # noqa: S105
PERMISSION_NEEDED = (
    "Unable to perform the requested action. "
    "You must have at least one of the following permissions assigned: "
)
DEFAULT_WAIT = 42


def error_body(status: int, code: str, message: str) -> Json:
    return {
        "message": message,
        "code": code,
        "status": status,
        "contextId": new_id(),
        "details": [],
        "errors": [],
    }


def api_error_body(status: int, wait: int | None = None) -> Json:
    """The usual body of this status; `wait` is named in that of 429."""
    if status == 429:
        seconds = DEFAULT_WAIT if wait is None else wait
        message = f"Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds"
        return error_body(status, "too.many.requests.retry.after", message)
    code, message = ERRORS.get(status, ("unknown", "Something went wrong."))
    return error_body(status, code, message)


def token_error_body(status: int, wait: int | None = None) -> Json:
    """What the login answers instead of a token."""
    if status in (400, 401):
        words = "authentication failed"
        return {"error": "invalid_client", "description": words, "error_description": words}
    return api_error_body(status, wait)


def no_permission_body(permission: str) -> Json:
    listed = f"[{permission}]"
    body = error_body(403, "missing.any.permissions", PERMISSION_NEEDED + listed)
    return {
        **{key: body[key] for key in ("message", "code", "status")},
        "messageWithParams": PERMISSION_NEEDED + "{permissions}",
        "messageParams": {"permissions": listed},
        **{key: body[key] for key in ("contextId", "details", "errors")},
    }


def error(status: int) -> Reply:
    return json_reply(api_error_body(status), status)


def no_token() -> Reply:
    return json_reply(error_body(401, "authentication.required", NO_TOKEN), 401)


def no_permission(permission: str) -> Reply:
    return json_reply(no_permission_body(permission), 403)


def bad_request(message: str) -> Reply:
    return json_reply(error_body(400, "bad.request", message), 400)


def too_many_requests(wait: int) -> Reply:
    reply = json_reply(api_error_body(429, wait), 429)
    return reply.with_headers(("Retry-After", str(wait)))
