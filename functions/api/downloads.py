"""`/download/{token}`: the links in emails. The token is the authentication; it opens one file."""

from html import escape

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

import wiring
from paging import redirect
from rewards.clock import now

router = APIGatewayHttpRouter()


@router.get("/download/<token>")
def download(token: str) -> Response[str]:
    link = wiring.jobs().link(token)
    if link is None:
        return _page(
            404, "This link opens nothing", "Check that the whole address was copied from the email."
        )
    if link["expires"] <= now() // 1000:
        return _page(
            410, "This link has expired", "The file is kept for a limited time only. Order the report again."
        )
    return redirect(wiring.files().signed_url(link["key"], wiring.SIGNED_SECONDS))


def _page(status: int, title: str, text: str) -> Response[str]:
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(text)}</p></html>"
    )
    return Response(status, "text/html; charset=utf-8", html, headers={"Cache-Control": "no-store"})
