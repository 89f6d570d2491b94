"""Small things that several routes share."""

from collections.abc import Mapping

from aws_lambda_powertools.event_handler import Response

from errors import ApiError

_MOST = 100


def paging(query: Mapping[str, str] | None) -> tuple[int, int]:
    """`limit` (1 to 100, 10 unless said) and `offset` of a list."""
    values = []
    for name, default, least, most in (("limit", "10", 1, _MOST), ("offset", "0", 0, 10**9)):
        text = (query or {}).get(name, default)
        if not (text.isascii() and text.isdigit() and least <= int(text[:10]) <= most):
            problem = f"{name} must be a whole number from {least} to {most}"
            raise ApiError(400, "VALIDATION_ERROR", "The query is not valid.", [problem])
        values.append(int(text))
    return values[0], values[1]


def redirect(url: str) -> Response[str]:
    """See the file at its signed URL; nobody may keep the answer, the URL dies in minutes."""
    return Response(303, "text/plain", "", headers={"Location": url, "Cache-Control": "no-store"})
