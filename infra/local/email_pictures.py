"""Pictures of the emails in docs/images: python -m infra.local.email_pictures

Chromium shows what the service itself composes, light and dark, as wide as a mail window and as a
telephone. It is needed for nothing else: `apt-get install chromium`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from PIL import Image

from rewards.domain.outcomes import Purpose
from rewards.email import messages
from rewards.email.layout import Email

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
WIDE, NARROW, _GAP = 640, 360, 16
_AS_OF, _UNTIL = 1_795_292_040_000, 1_797_884_040_000
_ADDRESS = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
_LINK = f"{_ADDRESS}/download/"


def emails() -> Iterator[tuple[str, Email]]:
    """An email of each kind, with content as a payout of a month has it."""
    totals = {"CASH/USD": 1_659_450, "CASH/EUR": 412_075, "POINT": 1_284_900, "freemonth": 37}
    yield (
        "report-ready",
        messages.report_ready(
            "November payout",
            25_112,
            totals,
            _AS_OF,
            _LINK + "q3xXn0C1hTgJ4vB8sLw2dYkR7mZp5uFa",
            _UNTIL,
            console_url=f"{_ADDRESS}/#/reports/06gzztr2jsak43b8",
            file_format="XLSX",
        ),
    )
    finished = messages.ImportSummary(
        name="November payout",
        file_name="available-reward-balances-by-user (November, paid).xlsx",
        import_id="06gzzx7rv0b59snh",
        console_url=f"{_ADDRESS}/#/import/06gzzx7rv0b59snh",
        purpose=Purpose.REDEMPTION,
        cancelled=False,
        outcomes={
            "REDEEMED": 21_804,
            "UNCHANGED": 3_287,
            "INVALID_VALUE": 4,
            "ROW_CHANGED": 2,
            "INSUFFICIENT_BALANCE": 15,
        },
        redeemed={"CASH/USD": 1_480_025, "CASH/EUR": 398_150, "POINT": 1_120_400},
        warnings={"REPORT_OUTDATED": 6},
    )
    yield (
        "import-finished",
        messages.import_finished(
            finished,
            _LINK + "Vb7dKq0pXz3RnTgY5cJ1mWs8uHfLa2eE",
            _LINK + "m4Qy9wTz6LkDv1XrGh8sBnPc2JfUo7aS",
            _UNTIL,
        ),
    )
    rejected = messages.ImportSummary(
        name="December payout",
        file_name="december.csv",
        import_id="06h0a2m4t8q1d7xk",
        console_url=f"{_ADDRESS}/#/import/06h0a2m4t8q1d7xk",
        purpose=Purpose.REDEMPTION,
        cancelled=False,
        outcomes={},
        redeemed={},
    )
    yield (
        "import-rejected",
        messages.import_rejected(
            rejected,
            "MISSING_COLUMNS",
            "The header row lacks unit and valueToRedeem. Line 1 has: accountId, userId, amount. "
            "Keep the header row as it is in the report.",
        ),
    )


def render(program: str, html: str, dark: bool, picture: Path) -> None:
    """Save what a mail window and a telephone show of an email, side by side."""
    scheme = "dark" if dark else "light"
    frames = "".join(
        f'<iframe srcdoc="{escape(html)}" style="width:{width}px;color-scheme:{scheme}"></iframe>'
        for width in (WIDE, NARROW)
    )
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(_PAGE.format(frames=frames, ground="#000" if dark else "#c9ced6"), encoding="utf-8")
        # The first run only measures the height of the frames.
        height = re.search(r'data-height="(\d+)"', _chromium(program, folder, page, "--dump-dom"))
        if height is None:
            raise RuntimeError("Chromium did not run the page's script")
        size = f"--window-size={WIDE + NARROW + 3 * _GAP},{height[1]}"
        shot = Path(folder, "shot.png")
        _chromium(program, folder, page, size, f"--screenshot={shot}")
        with Image.open(shot) as shown:
            few = shown.convert("RGB").quantize(48, dither=Image.Dither.NONE)  # a third of the size
        few.save(picture, optimize=True)


def _chromium(program: str, folder: str, page: Path, *options: str) -> str:
    """What it prints; without a sandbox, for it shows a file that we wrote, and root may have none."""
    fixed = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-lcd-text",
        "--virtual-time-budget=2000",
    )
    command = [program, *fixed, f"--user-data-dir={folder}/profile", *options, page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, timeout=60, text=True).stdout


_PAGE = f"""<!doctype html><meta charset="utf-8">
<style>
body {{{{ margin: 0; padding: {_GAP}px; background: {{ground}}; display: flex; gap: {_GAP}px }}}}
iframe {{{{ border: 0; flex: none; align-self: start }}}}
</style>
{{frames}}
<script>
addEventListener("load", () => {{{{
  const heights = [...document.querySelectorAll("iframe")].map(frame =>
    frame.style.height = frame.contentDocument.body.scrollHeight + "px");
  document.body.dataset.height = Math.max(...heights.map(parseFloat)) + 2 * {_GAP};
}}}});
</script>
"""


def main() -> int:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        print("Chromium is not installed: apt-get install chromium")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, email in emails():
        for look in ("light", "dark"):
            picture = IMAGES / f"email-{name}-{look}.png"
            render(program, email.html, look == "dark", picture)
            print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size / 1000:.0f} kB  {email.subject}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
