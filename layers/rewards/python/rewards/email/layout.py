"""One layout for all emails: blocks that render to HTML and to text, so that both parts say the same.

The HTML needs no image and no <style>: the colours of the light palette are inline, and clients that keep
<style> get the dark palette and narrower margins. Layout tables are marked as such for screen readers; tables
of facts have a caption and headings. All texts lose their control characters, their line breaks and what mail
programs would turn into links, are cut, and are escaped in HTML. Only the address of a `Link` is a link.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from rewards.email.links import unlinked

# Gmail hides everything after 102 KB of an email; a table of fifty units is far smaller.
MAX_ROWS = 50
MAX_SUBJECT = 150
_MAX_TEXT = 2000

# Every pair of ink and ground that occurs has a contrast of 4.5 or more (WCAG 2.2, 1.4.3).
LIGHT = {
    "page": "#f2f4f7",
    "card": "#ffffff",
    "ink": "#1b1f24",
    "mute": "#57606a",
    "line": "#d0d7de",
    "button": "#0b5cad",
    "label": "#ffffff",
    "good": "#1a7f37",
    "warn": "#9a6700",
    "bad": "#cf222e",
}
DARK = {
    "page": "#0d1117",
    "card": "#161b22",
    "ink": "#e6edf3",
    "mute": "#9aa4b0",
    "line": "#3d444d",
    "button": "#8ac2ff",
    "label": "#0d1117",
    "good": "#3fb950",
    "warn": "#d29922",
    "bad": "#ff7b72",
}

Tone = Literal["good", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Email:
    """A subject and the same content twice."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Heading:
    """Begins a section below the email's title."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as people read it, what it counts, and what that means."""

    number: str
    label: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """A table of numbers; `columns` names the numbers and the labels. At most MAX_ROWS rows are shown;
    `elsewhere` ends the sentence that says where the others are."""

    caption: str
    columns: tuple[str, str]
    rows: Sequence[Figure]
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """A table of names and values; a fact without a value is omitted."""

    caption: str
    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Points:
    """A list of things to do, each with a short lead; `ordered` if one comes after the other."""

    points: Sequence[tuple[str, str]]
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A button, with its address as text below it."""

    label: str
    url: str


Block = Heading | Paragraph | Figures | Facts | Points | Link


def compose(subject: str, tone: Tone, title: str, blocks: Sequence[Block], footer: str) -> Email:
    """The email of these blocks. `title` says the result; `tone` only colours it."""
    subject = shortened(subject, MAX_SUBJECT)
    text = [one_line(title), *(_text(block) for block in blocks), f"-- \n{one_line(footer)}"]
    body = "\n".join(_html(block) for block in blocks)
    html = _PAGE.format(
        title=_shown(subject),
        style=_STYLE,
        tone=tone,
        tone_colour=LIGHT[tone],
        heading=_shown(title),
        body=body,
        footer=_shown(footer),
        font=_FONT,
        **LIGHT,
    )
    return Email(subject, "\n\n".join(text) + "\n", html)


# Control characters, half surrogate pairs, and marks that turn the direction of the text around them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def one_line(text: str) -> str:
    """The text on one line, without invisible characters that programs obey, and without links."""
    return unlinked(_cleaned(text))


def _cleaned(text: str) -> str:
    return " ".join(_UNSEEN.sub("", " ".join(text[:_MAX_TEXT].split())).split())


def shortened(text: str, limit: int) -> str:
    """The text on one line of at most `limit` characters, cut in its middle: file names differ at
    their ends as well."""
    line = one_line(text)
    if len(line) <= limit:
        return line
    tail = limit // 3
    return f"{line[: limit - tail - 1].rstrip()}…{line[-tail:].lstrip()}"


def _shown(text: str) -> str:
    return escape(one_line(text))


# --- The text part ---


def _text(block: Block) -> str:
    match block:
        case Heading(text):
            line = one_line(text)
            return f"{line}\n{'-' * len(line)}"
        case Paragraph(text):
            return one_line(text)
        case Link(label, url):
            return f"{one_line(label)}:\n{_cleaned(url)}"
        case Facts(caption, rows):
            cells = [(one_line(name), one_line(value)) for name, value in rows if one_line(value)]
            width = max((len(name) for name, _ in cells), default=0)
            return "\n".join([f"{caption}:", *(f"  {name:<{width}}  {value}" for name, value in cells)])
        case Points(points, ordered):
            return "\n".join(
                f"{f'{place}.' if ordered else '*'} {one_line(lead)}: {one_line(text)}"
                for place, (lead, text) in enumerate(points, start=1)
            )
        case Figures(caption, columns, rows):
            lines = [columns, *((row.number, _labelled(row)) for row in rows[:MAX_ROWS])]
            width = max(len(number) for number, _ in lines)
            shown = [f"  {number:>{width}} {label}" for number, label in lines]
            return "\n".join([f"{caption}:", *shown, *_more(block)])


def _labelled(row: Figure) -> str:
    label = one_line(row.label)
    return f"{label}: {one_line(row.meaning)}" if row.meaning else label


def _more(table: Figures) -> list[str]:
    left = len(table.rows) - MAX_ROWS
    return [f"and {left:,} more; {table.elsewhere}."] if left > 0 else []


# --- The HTML part ---

_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
_LAYOUT = 'role="presentation" border="0" cellpadding="0" cellspacing="0"'

_BREAKING = "overflow-wrap:anywhere;word-break:break-word;"
_ROW = f"border-bottom:1px solid {LIGHT['line']};vertical-align:top;{_BREAKING}"
_NAMES = f"padding:6px 0;font-size:13px;font-weight:400;color:{LIGHT['mute']};{_ROW}"
_TABLE = 'class="ink line" width="100%" cellpadding="0" cellspacing="0" border="0"'
_TABLE_STYLE = f"width:100%;border-collapse:collapse;margin:0 0 24px;font-size:15px;color:{LIGHT['ink']}"
_MUTE = f"color:{LIGHT['mute']}"


def _html(block: Block) -> str:
    match block:
        case Heading(text):
            style = f"margin:32px 0 12px;font-size:18px;line-height:1.35;font-weight:600;color:{LIGHT['ink']}"
            return f'<h2 class="ink" style="{style}">{_shown(text)}</h2>'
        case Paragraph(text):
            return f'<p class="ink" style="margin:0 0 16px;color:{LIGHT["ink"]}">{_shown(text)}</p>'
        case Link(label, url):
            return _button(label, url)
        case Facts(caption, rows):
            cells = "".join(_fact(name, value) for name, value in rows if one_line(value))
            return _table(caption, f"<tbody>{cells}</tbody>")
        case Points(points, ordered):
            tag = "ol" if ordered else "ul"
            items = "".join(
                f'<li style="margin:0 0 10px"><strong>{_shown(lead)}:</strong> {_shown(text)}</li>'
                for lead, text in points
            )
            style = f"margin:0 0 16px;padding:0 0 0 22px;color:{LIGHT['ink']}"
            return f'<{tag} class="ink" style="{style}">{items}</{tag}>'
        case Figures(caption, columns, rows):
            number, label = (_shown(name) for name in columns)
            head = (
                f'<thead><tr><th scope="col" class="mute line" style="{_NAMES}text-align:right;'
                f'padding-right:16px;width:1%;white-space:nowrap">{number}</th>'
                f'<th scope="col" class="mute line" style="{_NAMES}text-align:left">{label}</th></tr></thead>'
            )
            cells = "".join(_figure(row) for row in rows[:MAX_ROWS])
            more = "".join(
                f'<tr><td colspan="2" class="mute" style="padding:8px 0;{_MUTE}">{_shown(text)}</td></tr>'
                for text in _more(block)
            )
            return _table(caption, f"{head}<tbody>{cells}{more}</tbody>")


def _table(caption: str, inside: str) -> str:
    style = "text-align:left;font-weight:600;font-size:15px;padding:8px 0 6px"
    return (
        f'<table {_TABLE} style="{_TABLE_STYLE}"><caption class="ink" '
        f'style="{style};color:{LIGHT["ink"]}">{_shown(caption)}</caption>{inside}</table>'
    )


def _figure(row: Figure) -> str:
    below = f"display:block;font-size:14px;font-weight:400;{_MUTE}"
    meaning = f' <span class="mute" style="{below}">{_shown(row.meaning)}</span>' if row.meaning else ""
    number = "padding:8px 16px 8px 0;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"
    return (
        f'<tr><td class="line" style="{number};{_ROW}">{_shown(row.number)}</td> '
        f'<th scope="row" class="line" style="padding:8px 0;text-align:left;font-weight:600;{_ROW}">'
        f"{_shown(row.label)}{meaning}</th></tr>"
    )


def _fact(name: str, value: str) -> str:
    left = f"padding:6px 16px 6px 0;text-align:left;font-weight:400;white-space:nowrap;{_MUTE};{_ROW}"
    return (
        f'<tr><th scope="row" class="mute line" style="{left}word-break:normal;width:1%">{_shown(name)}</th> '
        f'<td class="line" style="padding:6px 0;{_ROW}"><bdi>{_shown(value)}</bdi></td></tr>'
    )


def _button(label: str, url: str) -> str:
    address = escape(_cleaned(url))
    face = f"background:{LIGHT['button']};border-radius:6px"
    text = (
        f"display:inline-block;padding:14px 24px;font-size:16px;line-height:20px;font-weight:600;"
        f"color:{LIGHT['label']};text-decoration:none"
    )
    return (
        f'<table {_LAYOUT} class="wide" style="margin:8px 0 6px"><tr>'
        f'<td class="button" bgcolor="{LIGHT["button"]}" style="{face}">'
        f'<a class="label" href="{address}" style="{text}">{_shown(label)}</a></td></tr></table>\n'
        f'<p class="mute" style="margin:0 0 20px;font:13px/1.4 {_MONO};word-break:break-all;{_MUTE}">'
        f"{address}</p>"
    )


_CARD_TONES = "".join(
    f".{tone}{{border-top-color:{DARK[tone]} !important}}" for tone in ("good", "warn", "bad")
)
_STYLE = (
    ":root{color-scheme:light dark;supported-color-schemes:light dark}"
    "@media (max-width:480px){.around{padding:0 !important}.card{border-left:0 !important;"
    "border-right:0 !important;border-radius:0 !important}.inside{padding:24px 16px 8px !important}"
    ".wide{width:100% !important}.label{display:block !important;text-align:center}"
    ".below{padding:16px !important}}"
    "@media (prefers-color-scheme:dark){"
    f".page{{background:{DARK['page']} !important}}.card{{background:{DARK['card']} !important;"
    f"border-color:{DARK['line']} !important}}.ink{{color:{DARK['ink']} !important}}"
    f".mute{{color:{DARK['mute']} !important}}.line{{border-color:{DARK['line']} !important}}"
    f".button{{background:{DARK['button']} !important}}.label{{color:{DARK['label']} !important}}"
    f"{_CARD_TONES}}}"
)

_PAGE = (
    """<!doctype html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="page" style="margin:0;padding:0;background:{page};-webkit-text-size-adjust:100%">
<div role="article" aria-label="{title}" lang="en" dir="ltr">
<table """
    + _LAYOUT
    + """ class="page" width="100%" style="background:{page}"><tr>
<td class="around" align="center" style="padding:24px 12px">
<table """
    + _LAYOUT
    + """ class="card {tone}" width="640" style="width:100%;max-width:640px;background:{card};\
border:1px solid {line};border-top:4px solid {tone_colour};border-radius:8px;border-collapse:separate"><tr>
<td class="inside ink" style="padding:28px 32px 8px;text-align:left;color:{ink};\
font:16px/1.5 {font};overflow-wrap:anywhere;word-break:break-word">
<h1 class="ink" style="margin:0 0 16px;font-size:24px;line-height:1.3;font-weight:600;\
color:{ink}">{heading}</h1>
{body}
</td></tr></table>
<table """
    + _LAYOUT
    + """ width="640" style="width:100%;max-width:640px"><tr>
<td class="below mute" style="padding:16px 32px;text-align:left;color:{mute};font:13px/1.5 {font}">\
{footer}</td></tr></table>
</td></tr></table>
</div>
</body>
</html>
"""
)
