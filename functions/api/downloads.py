"""`/download/{token}`: the links in emails. The token is the authentication; it opens one file.

A link works any number of times until it expires, so a mail scanner that opens it first does no harm.
"""

import base64
import hashlib
from html import escape

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

import recording
import wiring
from http_responses import redirect
from rewards.adapters.download_links import DownloadLink
from rewards.clock import now
from rewards.domain.object_keys import file_name_in, is_of_import, job_in

logger = Logger()
router = APIGatewayHttpRouter()

_KEPT = "Reports and results are kept for a limited time only."


@router.route("/download/<token>", method=["GET", "HEAD"])
def download(token: str) -> Response[str]:
    link = wiring.flows().download_links.find(token)
    if link is None:
        return not_found()
    if link.expires <= now() // 1000:
        return _page(410, "This link has expired", f"{_KEPT} {_again(link.key)}")
    if _is_revoked(link):
        return _page(410, "This link was revoked", "The file can still be downloaded in the console.")
    if not wiring.flows().files.exists(link.key):
        return _page(410, "File no longer available", f"{_KEPT} {_again(link.key)}")
    head = router.current_event.http_method == "HEAD"
    response = redirect(wiring.flows().files.signed_url(link.key, wiring.SIGNED_SECONDS, link.name, head))
    response.headers.update(_HEADERS)
    if not head:  # mail scanners look whether there is something
        kind = "import" if is_of_import(link.key) else "export"
        recording.link_opened(f"{kind}/{job_in(link.key)}", file_name_in(link.key))
    return response


def _is_revoked(link: DownloadLink) -> bool:
    """Whether the links to the files of the same import or export were revoked after this one was created."""
    flows, job_id = wiring.flows(), job_in(link.key)
    job = flows.import_jobs.get(job_id) if is_of_import(link.key) else flows.export_jobs.get(job_id)
    return job is None or job.date_links_revoked != link.date_links_revoked


def not_found(_: Exception | None = None) -> Response[str]:
    """The page for an unknown link, or a method that browsers do not use."""
    return _page(
        404,
        "Link not found",
        "Check that you copied the whole address from the email. Links that expired more than a month ago "
        "are not found either.",
    )


def failed(error: Exception) -> Response[str]:
    """The page for an internal error."""
    logger.exception("unexpected", exc_info=error)
    return _page(500, "Something went wrong", "Try the link again in a few minutes. It is still valid.")


def _again(key: str) -> str:
    if is_of_import(key):
        return "What the import redeemed or loaded is not affected."
    return "Create the report again. A new report shows the current balances."


def _page(status: int, title: str, text: str) -> Response[str]:
    html = _HTML.format(style=_STYLE, title=escape(title), text=escape(text))
    return Response(status, "text/html; charset=utf-8", html, headers=dict(_HEADERS))


_STYLE = """
:root { color-scheme: light dark; --page: #f2f4f7; --card: #ffffff; --ink: #1b1f24; --line: #d0d7de }
@media (prefers-color-scheme: dark) {
:root { --page: #0d1117; --card: #161b22; --ink: #e6edf3; --line: #3d444d } }
body { margin: 0; padding: 24px 12px; background: var(--page); color: var(--ink);
font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif }
main { max-width: 576px; margin: 0 auto; padding: 28px 32px; background: var(--card);
border: 1px solid var(--line); border-radius: 8px; overflow-wrap: anywhere }
h1 { margin: 0 0 16px; font-size: 24px; line-height: 1.3; font-weight: 600 }
p { margin: 0 }
"""
_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"""

# The page may use its own style, known by its digest, and nothing else.
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
