"""Files as people send them: reports that were filled in, and what happens to them on the way."""

from rewards.domain import ids, report

NOW = 1_795_300_000_000
# Two reports of this stack, and one from the future.
EXPORTS = [ids.make_id(NOW - 60_000, 7), ids.make_id(NOW - 90_000, 8), ids.make_id(NOW + 10**9, 9)]

_CELLS = [
    "", " ", "0", "a,b", '"', 'x"y', "line\nbreak", "a\r\nb", "Zoë", "\u2003", "\u00a0x", "007", "1.50",
    "=SUM(A1)", "'=1", "'abc", "1,234", "10,55", "1.234", "-5", "1e3", "\\", "a\\b", "x" * 70, "x" * 300,
    "\0", "\x0b", "\x1a", "\x85", "\u2028", "50%", "$5.00", "0.009", "0.00", "00.10", "1.5", "7", "12.345",
    " 5.00", "5.00 ", "9" * 31 + ".00", "٣.00", "\ufeffx", "\ufffd",
]  # fmt: skip
_ENCODINGS = ["utf-8-sig", "utf-8", "cp1252", "utf-16", "utf-16-le", "shift_jis"]


def ugly_file(random, make_row_id, rows):
    """The bytes of a file with so many rows, and whose the rows of its reports are, by rowId."""
    separator = random.choice([",", ",", ",", ";", "\t"])
    damage = random.choice([0, 0, 0.01, 0.05, 0.3])
    columns = _columns(random)
    lines = ["A title above"] if random.random() < 0.1 else []
    lines.append(separator.join(columns))
    known = {}
    for cells in _rows(random, make_row_id, rows, known):
        texts = [cells.get(name) or "" for name in columns]
        lines.append(separator.join(_written(random, texts, separator, damage)))
        if random.random() < damage:
            lines.append(random.choice(["", separator * (len(columns) - 1), " ", "\x1a"]))
    return _encoded(random, lines, damage), known


def _columns(random):
    """A header: mostly the report's."""
    columns = list(report.COLUMNS)
    if random.random() < 0.2:
        random.shuffle(columns)
    for name in ("programId", "rowId"):
        if random.random() < 0.05:
            columns.remove(name)
    for more in (["reference"], ["importId", "note"], _RESULTS):
        if random.random() < 0.1:
            columns += more
    return columns


_RESULTS = ["line", "importId", "outcome", "redeemedValue", "remainingValue", "message"]
_UNITS = [["CASH/USD"], ["CASH/USD", "POINT"], ["CREDIT/KWD", "JPY"], [f"U{n}" for n in range(120)]]
_VALUES = [["5.00", "10.55"], ["5", "100"], ["5.00", "7", "7.5"], ["5.00", "0", ""], ["0.00", "1.00"]]


def _rows(random, make_row_id, rows, known):
    """The cells of each row by column; `known` gets whose it is by rowId."""
    units, values, made = random.choice(_UNITS), random.choice(_VALUES), []
    exports = random.choice([EXPORTS[:1], EXPORTS[:1], EXPORTS[:1], EXPORTS[:2], EXPORTS])
    programs = random.choice([[None], [None], [None, "vip-2026"], ["vip-2026"]])
    repeated, quoted = random.choice([0, 0, 0, 0.05]), random.choice([0, 0, 0.1, 1])
    without_row_id, referring = random.choice([0, 0, 0, 0.05, 1]), random.choice([0, 0.1])
    for number in range(rows):
        if made and random.random() < repeated:
            cells = dict(random.choice(made))
        else:
            person = f"acct-{number // 3:05d}", f"user-{number:05d}@example.com"
            whose = *person, random.choice(units), random.choice(programs)
            row_id = make_row_id(random.choice(exports), *whose)
            known[row_id] = whose
            cells = dict(zip(("accountId", "userId", "unit", "programId"), whose, strict=True))
            cells |= {"firstName": "Ann", "lastName": "O'Neil" if number % 7 else "Archer"}
            cells["rowId"] = "" if random.random() < without_row_id else row_id
        made.append(cells)
        cells = {**cells, "valueToRedeem": random.choice(values)}
        if random.random() < quoted:
            cells["segments"] = random.choice(["vip,eu", "a;b", 'x"y', "two\nlines"])
        if random.random() < referring:
            cells |= {"reference": "pay 7", "importId": random.choice(EXPORTS), "line": str(number)}
        yield cells


def _written(random, texts, separator, damage):
    """The cells of a row as they are written, some of them damaged."""
    if random.random() < damage:
        texts[random.randrange(len(texts))] = random.choice(_CELLS)
    if random.random() < damage / 3:
        texts = random.choice(
            [texts[: random.randrange(len(texts))], [*texts, ""], [*texts, "x"], texts[::-1]]
        )
    if texts and random.random() < damage / 3:
        texts[-1] = texts[-1].lower()
    careless = random.random() < damage / 20
    return [
        '"' + text.replace('"', '""') + '"'
        if not careless and any(mark in text for mark in (separator, '"', "\n", "\r"))
        else text
        for text in texts
    ]


def _encoded(random, lines, damage):
    """The lines as the bytes of a file."""
    ends = random.choice([["\r\n"], ["\r\n"], ["\n"], ["\r\n", "\n"], ["\r"] if damage else ["\r\n"]])
    text = "".join(line + random.choice(ends) for line in lines)
    if random.random() < 0.3:
        text = text.rstrip("\r\n")
    if random.random() < 0.05:
        text += random.choice(["\x1a", "\r\n\r\n", '"', "\r", '"open'])
    encoding = random.choice(_ENCODINGS) if random.random() < 0.3 else "utf-8-sig"
    body = text.encode(encoding, "replace")
    if random.random() < damage / 3:
        place = random.randrange(len(body))
        body = body[:place] + random.choice([b"\xff", b"\x81", b"", b"\n", b'"']) + body[place + 1 :]
    return body
