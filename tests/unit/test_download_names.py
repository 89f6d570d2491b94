"""What a downloaded file is called."""

import re

import pytest

from rewards.domain.download_names import content_disposition, report_name, results_name

CREATED = 1_795_600_800_000  # 2026-11-25T10:00:00Z


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("November payout", "november-payout-2026-11-25.xlsx"),
        ("  Q4 / EU: bonus*? ", "q4-eu-bonus-2026-11-25.xlsx"),
        ("../../etc/passwd", "etc-passwd-2026-11-25.xlsx"),
        ('a"; b\r\nSet-Cookie: c', "a-b-set-cookie-c-2026-11-25.xlsx"),
        ("Zoë's Prämien", "zoë-s-prämien-2026-11-25.xlsx"),
        ("Zoe\u0308", "zoë-2026-11-25.xlsx"),
        ("11月の支払い", "11月の支払い-2026-11-25.xlsx"),
        ("a\u202egnp\u200b.exe", "a-gnp-exe-2026-11-25.xlsx"),
        ("🎉", "report-2026-11-25.xlsx"),
        ("...", "report-2026-11-25.xlsx"),
    ],
)
def test_a_report_is_named_after_its_name_and_date(name, expected):
    assert report_name(name, CREATED, "XLSX") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("November payout", "november-payout-failed.csv"),
        ("november-payout.xlsx", "november-payout-failed.csv"),
        ("Rewards.JSONL", "rewards-failed.csv"),
        ("v1.2", "v1-2-failed.csv"),
        (".csv", "import-failed.csv"),
    ],
)
def test_results_are_named_after_the_import_or_its_file(name, expected):
    assert results_name(name, "failed.csv") == expected


@pytest.mark.parametrize("letter", ["a", "ä", "支", "\U00020000"])
def test_a_long_name_is_cut_at_a_whole_character(letter):
    name = report_name(letter * 200, CREATED, "CSV")
    assert name.endswith(f"{letter}-2026-11-25.csv")
    assert len(name.encode()) < 200


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("payout.csv", 'attachment; filename="payout.csv"'),
        ("zoë.csv", "attachment; filename=\"zoe.csv\"; filename*=UTF-8''zo%C3%AB.csv"),
        ("выплата-failed.csv", "attachment; filename=\"failed.csv\"; filename*=UTF-8''"
         "%D0%B2%D1%8B%D0%BF%D0%BB%D0%B0%D1%82%D0%B0-failed.csv"),
    ],
)  # fmt: skip
def test_the_header_has_a_name_in_ascii_and_the_whole_name(name, header):
    assert content_disposition(name) == header


@pytest.mark.parametrize("name", ['a"b.csv', "a\r\nb.csv", "a\\b;c.csv", "¼ \uff0fx.csv"])
def test_nothing_in_a_name_ends_the_header(name):
    header = content_disposition(name)
    assert re.fullmatch(
        r"attachment; filename=\"[A-Za-z0-9._-]+\"(; filename\*=UTF-8''[A-Za-z0-9._~%-]+)?", header
    )
