"""The results of an import are those that a plain loop over `csv.writer` writes, however they are made."""

import csv
import io
import os
import random
from dataclasses import replace
from itertools import islice
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewards.adapters.result_parts import decode_part, encode_part, encode_results
from rewards.domain import result_groups
from rewards.domain.examples import Examples, merged
from rewards.domain.header import missing_columns, normalise
from rewards.domain.import_job import ImportType, Seal, new_import
from rewards.domain.import_rows import NEEDED
from rewards.domain.outcomes import SETTLED, FileRejectedError, Outcome, RowResult, WarningCode
from rewards.domain.result_groups import GroupCutter
from rewards.domain.units import format_value
from rewards.flows import join_results
from rewards.flows.join_results import ResultsJoin
from rewards.flows.open_upload import open_sheet
from rewards.flows.process_chunk import _cells
from rewards.tabular import csv_blocks, csv_reader
from rewards.tabular.csv_blocks import NotInBlocksError, read_blocks_again
from rewards.tabular.csv_reader import NotUtf8Error
from tests.builders.row_ids import make_row_id
from tests.property.ugly_files import EXPORTS, NOW, ugly_file

MORE = int(os.environ.get("JOIN_EXAMPLES", "0"))
RESULT_COLUMNS = ["line", "importId", "outcome", "redeemedValue", "remainingValue", "message"]
MESSAGES = ["", "5.00 from r1", "5.00 from r1, 2.00 from r2", 'He said "no".', "two\nlines", "Zoë; a\tb"]


class Upload:
    """In place of Files."""

    def __init__(self, body):
        self.body = body

    def open_upload(self, *_, **__):
        return io.BufferedReader(io.BytesIO(self.body))


def opened(job, body):
    return open_sheet(Upload(body), job)


def some_result(choose, line):
    outcome = choose.choice([Outcome.REDEEMED] * 12 + list(Outcome))
    result = RowResult(
        line,
        outcome,
        choose.choice(MESSAGES),
        choose.choice(["CASH/USD", "CASH/USD", "POINT", "CREDIT/KWD"]),
        choose.choice([0, 500, 12_345]),
        choose.choice([None, 0, 7]),
        "acct",
        "user",
    )
    if choose.random() < 0.05:
        result = replace(result, warnings=(WarningCode.REPORT_OUTDATED,))
    if choose.random() < 0.05:
        result = replace(result, unit="")
    return replace(result, redeemed_by=(EXPORTS[0], 9)) if choose.random() < 0.05 else result


def results_of(choose, numbers):
    """Results of some of the rows: those of chunks, and those of rows that were rejected before."""
    kinds = choose.choice([("chunk",), ("chunk",) * 20 + ("checked", ""), ("chunk", "checked", "")])
    found = {"chunk": [], "checked": []}
    for number in numbers:
        if kind := choose.choice(kinds):
            found[kind].append(some_result(choose, number))
    return found["chunk"], found["checked"]


def stored(choose, job, results):
    """The results of chunks as parts of some size, of this version or of the one before."""
    size = choose.choice([3, 500])
    for first in range(0, len(results), size):
        part = results[first : first + size]
        ready = choose.random() < 0.9
        yield decode_part(encode_part(part, _cells(job, part)) if ready else encode_results(part))


def by_rows(job, sheet, results):
    """The two files and the examples, by the plain loop."""
    header, width = sheet.header, len(sheet.header)
    while width and not header[width - 1].strip():
        width -= 1
    ours = [*map(normalise, header[width - 6 : width])] == [*map(normalise, RESULT_COLUMNS)]
    own = width - 6 if ours else len(header)
    place = [*map(normalise, header)].index("unit")
    by_line = {result.line: result for result in results}
    examples = Examples(header[:own], NEEDED)
    files = io.StringIO(newline=""), io.StringIO(newline="")
    for file in files:
        file.write("\ufeff" if sheet.mark else "")
    to_results, to_failed = (csv.writer(file, delimiter=sheet.separator) for file in files)
    to_results.writerow([*header[:own], *RESULT_COLUMNS])
    to_failed.writerow([*header[:own], "outcome", "message"])
    for number, row in sheet.rows:
        cells = [*row[:own], *[""] * (own - len(row))]
        extra = [cell for cell in row[len(header) :] if cell]
        result = by_line.get(number) or RowResult(number, Outcome.UNCHANGED)
        shown = row[place].strip() if place < len(row) else ""
        unit = result.unit or (shown.removeprefix("'") if shown[:2] == "'=" else shown)
        unit = unit if len(unit) <= 64 else ""
        owner, line = result.redeemed_by or (job.id, number)
        remaining = "" if result.available is None else format_value(result.available, unit)
        redeemed = format_value(result.redeemed, unit)
        more = [line, owner, result.outcome, redeemed, remaining, result.message]
        to_results.writerow([*cells, *more, *extra])
        if number in by_line:
            examples.add(cells, result)
            if result.outcome not in SETTLED:
                to_failed.writerow([*cells, result.outcome, result.message, *extra])
    return files[0].getvalue(), files[1].getvalue(), examples.record()


def joined(job, sheet, parts, checked, in_blocks):
    failed = []
    join = ResultsJoin(job.id, sheet, iter(parts), iter(checked), rewards=False, fail=failed.append)
    text = "".join(join.lines(in_blocks))
    assert join.complete
    return text, "".join(failed), join.examples.record(), join.rows, join.used


def joined_in_groups(job, body, parts, checked, rows_of_group):
    """As `joined` of a file that is cut into groups."""
    cutter, rows = GroupCutter(), 0
    with opened(job, body) as sheet:
        rows = len([*islice(sheet.rows, join_results.FIRST_ROWS)])
        line = max(number for number, _ in [*first_rows(job, body), (0, [])])
        with mock.patch.object(result_groups, "GROUP_ROWS", rows_of_group):
            for block in sheet.blocks(line + 1):
                cutter.block(block.bytes, block.size, block.first, rows, 1, 1)
                rows += len([*block.rows()])
    cuts = cutter.groups(len(body))
    ends = [*(cut.offset for cut in cuts), len(body)]
    text, failed, records, rows, used = "", [], [], 0, 0
    for number, end in enumerate(ends):
        with opened(job, body[: ends[0]]) as sheet:
            join = ResultsJoin(job.id, sheet, iter(parts), iter(checked), rewards=False, fail=failed.append)
            if number == 0:
                lines = join.lines(in_blocks=True)
            else:
                cut = cuts[number - 1]
                rest = io.TextIOWrapper(io.BytesIO(body[cut.offset : end]), encoding="utf-8", newline="")
                lines = join.lines_of_group(cut.line, read_blocks_again(rest, sheet.separator, cut.line))
            text += "".join(lines)
        assert join.complete
        records.append(join.examples.record())
        rows, used = rows + join.rows, used + join.used
    return (text, "".join(failed), merged(records), rows, used), len(ends)


def first_rows(job, body):
    with opened(job, body) as sheet:
        return [*islice(sheet.rows, join_results.FIRST_ROWS)]


@settings(
    max_examples=MORE or 150, derandomize=not MORE, database=None, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(
    st.integers(0, 2**32), st.sampled_from([30, 60, 200]), st.sampled_from([1, 20]),
    st.sampled_from([50, 700, 3000]),
)  # fmt: skip
def test_results_are_those_of_a_plain_loop(seed, rows, first, block):
    choose = random.Random(seed)
    body, _ = ugly_file(choose, make_row_id, rows)
    job = new_import(EXPORTS[1], ImportType.REDEMPTIONS, False, "", "a.csv", NOW)
    job = replace(job, size=len(body), seal=Seal("a", "b"))
    with (
        mock.patch.object(csv_reader, "HEAD_LINES", 1),
        mock.patch.object(join_results, "FIRST_ROWS", first),
        mock.patch.object(csv_blocks, "BLOCK", block),
        mock.patch.object(csv_blocks, "_LONGEST", 5_000),
    ):
        try:
            with opened(job, body) as sheet:
                numbers = [number for number, _ in sheet.rows]
                job = replace(job, separator=sheet.separator)
                if missing_columns(sheet.header, NEEDED):
                    return
        except (FileRejectedError, NotUtf8Error):
            return
        results, checked = results_of(choose, numbers)
        parts = [*stored(choose, job, results)]
        with opened(job, body) as sheet:
            expected = by_rows(job, sheet, [*results, *checked])
        with opened(job, body) as sheet:
            careful = joined(job, sheet, parts, checked, in_blocks=False)
        assert careful == (*expected, len(numbers), len(results) + len(checked))
        with opened(job, body) as sheet:
            try:
                assert joined(job, sheet, parts, checked, in_blocks=True) == careful
            except NotInBlocksError:
                return
            if sheet.encoding != "UTF-8" or len(first_rows(job, body)) < first:
                return
        assert joined_in_groups(job, body, parts, checked, choose.choice([1, 7, 60]))[0] == careful


def test_a_file_is_cut_where_its_blocks_begin():
    body = (
        "accountId,userId,unit,valueToRedeem\n" + "".join(f"a,u{n},POINT,é\n" for n in range(500))
    ).encode()
    job = new_import(EXPORTS[1], ImportType.REDEMPTIONS, False, "", "a.csv", NOW)
    job = replace(job, size=len(body), seal=Seal("a", "b"))
    with (
        mock.patch.object(csv_reader, "HEAD_LINES", 1),
        mock.patch.object(join_results, "FIRST_ROWS", 1),
        mock.patch.object(csv_blocks, "BLOCK", 300),
    ):
        found, groups = joined_in_groups(job, body, [], [], 100)
    assert groups == 5
    assert found[3] == 500


def test_the_results_of_a_group_are_never_too_small_a_part_for_s3():
    job = new_import(EXPORTS[1], ImportType.REDEMPTIONS, False, "", "a.csv", NOW)
    body = b"accountId,userId,unit,valueToRedeem\nx\n"
    with opened(replace(job, size=len(body)), body) as sheet:
        _, line = ResultsJoin(job.id, sheet, iter([]), iter([]), rewards=False, fail=str).lines(False)
    assert len(line) * result_groups.GROUP_ROWS >= 5 << 20


def test_lines_of_the_upload_are_passed_through(monkeypatch):
    lines = ["accountId,userId,unit,valueToRedeem,note"]
    lines += [f"a{number},u{number},POINT,5, padded " for number in range(2_000)]
    body = "\n".join(lines).encode() + b"\n"
    job = new_import(EXPORTS[1], ImportType.REDEMPTIONS, False, "", "a.csv", NOW)
    job = replace(job, size=len(body), seal=Seal("a", "b"))
    results = [RowResult(number, Outcome.REDEEMED, "m", "POINT", 5, 0) for number in range(2, 2_002)]
    parts = [decode_part(encode_part(results, _cells(job, results)))]
    by_cells = []
    real = ResultsJoin._row
    monkeypatch.setattr(ResultsJoin, "_row", lambda *given: by_cells.append(given[1]) or real(*given))
    with opened(job, body) as sheet:
        text = joined(job, sheet, parts, [], in_blocks=True)[0]
    assert len(by_cells) == join_results.FIRST_ROWS
    assert text.splitlines()[2_000] == f"a1999,u1999,POINT,5, padded ,2001,{job.id},REDEEMED,5,0,m"
