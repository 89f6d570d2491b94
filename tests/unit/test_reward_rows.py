import io

import pytest

from rewards.domain.header import MAX_NAMES
from rewards.domain.outcomes import Outcome, WarningCode
from rewards.domain.reward_rows import MAX_DATE, Grant, read_grant, unknown_columns
from rewards.domain.spreadsheet import neutralise
from rewards.tabular.json_lines import read_json_lines
from tests.builders.moments import DAY, NOW

NEW_YEAR = 1_798_761_600_000  # 2027-01-01T00:00:00Z
ROW = {
    "id": "r1",
    "type": "CREDIT",
    "unit": "POINT",
    "assignedCredit": "500",
    "user.id": "ann",
    "user.accountId": "acme",
}
# The header of the original's sample of "Reward details".
ORIGINAL = """
    id type value unit name dateCreated dateScheduledFor dateGiven dateExpires dateCancelled
    dateRedeemed dateModified rewardSource fuelTankType fuelTankCode programId programRewardKey
    globalRewardKey assignedCredit redeemedCredit availableValue statuses user.id user.accountId
    user.firstName user.lastName user.email meta.status meta.message meta.dateModified referral.id
    referral.referredUser.id referral.dateConverted meta.customMeta.tier
""".split()  # noqa: SIM905 - a list of quoted words reads worse


def read(**cells):
    return read_grant({**ROW, **cells}, 2, NOW)


def rejected(**cells):
    result = read(**cells)
    assert not isinstance(result, Grant)
    return result.outcome, result.message


# --- Types ---


@pytest.mark.parametrize("kind", ["PCT_DISCOUNT", "FUELTANK", "INTEGRATION"])
def test_rejects_a_type_without_balance_before_any_other_check(kind):
    blank = dict.fromkeys(ROW, "")
    result = read_grant({**blank, "type": kind, "assignedCredit": "ten", "user.id": "\x00"}, 2, NOW)
    assert result.outcome is Outcome.UNSUPPORTED_TYPE


def test_reports_a_blank_type_as_missing():
    assert rejected(type="")[0] is Outcome.MISSING_FIELD


# --- Whole numbers ---


@pytest.mark.parametrize("text", ["500.0", "500.000", " 500.0 ", "0500"])
def test_reads_a_whole_number_with_zeros_after_the_point(text):
    assert read(assignedCredit=text).reward.assigned_credit == 500


def test_reads_zero_redeemed_credits_as_pandas_writes_them():
    reward = read(assignedCredit="250.0", redeemedCredit="100.0").reward
    assert (reward.assigned_credit, reward.left) == (250, 150)
    assert read(redeemedCredit="0.0").reward.left == 500


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1E+05", "scientific notation"),
        ("1.79876E+12", "scientific notation"),
        ("5e2", "scientific notation"),
        ("1,000", "separator"),
        ("1.000,00", "separator"),
        ("500.5", "decimals"),
        ("500.", "decimals"),
        ("ten", "not a number"),
        ("-5", "not a number"),
        ("\u0665\u0660", "not a number"),
        ("1234567890123456", "0 to 999999999999999"),
    ],
)
def test_rejects_any_other_number_and_says_why(text, why):
    outcome, message = rejected(assignedCredit=text)
    assert outcome is Outcome.INVALID_VALUE
    assert message.startswith("assignedCredit ")
    assert why in message


# --- Dates ---


@pytest.mark.parametrize("text", ["1798761599999", "1798761599999.0"])
def test_reads_milliseconds_with_zeros_after_the_point(text):
    assert read(dateExpires=text).reward.date_expires == NEW_YEAR - 1


@pytest.mark.parametrize("text", ["2026-12-31", "2026-W53-4"])
def test_a_day_of_expiry_ends_with_the_following_midnight(text):
    assert read(dateExpires=text).reward.date_expires == NEW_YEAR


@pytest.mark.parametrize("text", ["2026-12-31T00:00:00Z", "2026-12-31T00:00", "2026-12-31 00:00:00+00:00"])
def test_an_expiry_with_a_time_is_that_moment(text):
    assert read(dateExpires=text).reward.date_expires == NEW_YEAR - DAY


def test_a_day_in_other_dates_begins_with_its_midnight():
    reward = read(dateGiven="2026-12-31", dateScheduledFor="2026-12-31", dateCancelled="2026-12-31").reward
    dates = (reward.date_given, reward.date_scheduled_for, reward.date_cancelled)
    assert dates == (NEW_YEAR - DAY,) * 3
    assert read(dateCreated="2026-12-31").reward.date_given == NEW_YEAR - DAY


def test_the_last_day_of_all_is_a_valid_expiry():
    assert read(dateExpires="9999-12-31").reward.date_expires == MAX_DATE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1.79876E+12", "scientific notation"),
        ("1798761599999.5", "not a date"),
        ("20261231", "not a date"),
        ("2026-W53", "not a date"),
        ("31.12.2026", "not a date"),
        ("1969-12-31", "1970"),
    ],
)
def test_rejects_a_date_that_is_not_clear_and_says_why(text, why):
    outcome, message = rejected(dateExpires=text)
    assert outcome is Outcome.INVALID_VALUE
    assert why in message


def test_keeps_the_date_of_a_block_as_the_file_states_it():
    assert read(**{"user.dateBlocked": "2026-11-01"}).participant == {"dateBlocked": "2026-11-01"}


# --- Texts ---


@pytest.mark.parametrize("name", ["id", "unit", "user.id", "user.accountId", "programId"])
@pytest.mark.parametrize("code", [0, 0x0A, 0x7F, 0x9F, 0xD800, 0xDFFF, 0xFFFD])
def test_rejects_damaged_characters_in_an_id(name, code):
    outcome, message = rejected(**{name: f"a{chr(code)}b"})
    assert outcome is Outcome.INVALID_VALUE
    assert message.startswith(f"{name} contains ")
    message.encode()


@pytest.mark.parametrize("name", ["name", "rewardSource", "user.firstName", "user.email"])
def test_rejects_half_a_surrogate_pair_in_any_text(name):
    assert rejected(**{name: "a\ud83d"})[0] is Outcome.INVALID_VALUE


def test_texts_that_are_no_keys_are_stored_in_nfc():
    grant = read(name="Zoe\u0308", programId="Zoe\u0308", **{"user.firstName": "Zoe\u0308"})
    assert (grant.name, grant.reward.program_id, grant.participant["firstName"]) == ("Zo\u00eb",) * 3


def test_an_id_may_be_as_long_in_nfc_as_it_is_stored():
    assert isinstance(read(id="e\u0308" * 32), Grant)
    assert rejected(id="e\u0308" * 33)[0] is Outcome.INVALID_VALUE


def test_keeps_leading_zeros_of_ids():
    grant = read(id="007", programId="01", **{"user.id": "0042"})
    assert (grant.reward.id, grant.reward.program_id, grant.user_id) == ("007", "01", "0042")


# --- Columns ---


def test_knows_the_columns_of_the_original_and_of_our_results():
    assert unknown_columns(ORIGINAL) is None
    assert unknown_columns([*ROW, "", "Assigned Credit", "outcome", "message", "user.customFields.x"]) is None


def test_names_an_unknown_column_and_the_closest_known_one():
    said = unknown_columns([*ROW, "dateExpire", "user.mail"])
    assert "'dateExpire' (closest known column: 'dateExpires')" in said
    assert "'user.mail' (closest known column: 'user.email')" in said


def test_the_list_of_unknown_columns_has_an_end():
    said = unknown_columns([f"{'x' * 100}{n}" for n in range(500)])
    assert len(said) < 100 * MAX_NAMES
    assert "and others" in said


# --- JSON Lines ---


def lines(*texts):
    stream = io.BufferedReader(io.BytesIO("".join(texts).encode("utf-8", "surrogatepass")))
    sheet = read_json_lines(stream, ["id", "user.id", "dateExpires"], unknown_columns, neutralise)
    return sheet, list(sheet.rows)


def test_reads_json_lines_with_a_byte_order_mark_and_crlf():
    _, rows = lines('\ufeff{"id": "a", "user.id": "007"}\r\n', '{"id": "b"}\r\n')
    assert rows == [(1, ["a", "007", ""]), (2, ["b", "", ""])]


def test_half_surrogates_stay_what_they_are_and_merge_no_ids():
    _, rows = lines('{"id": "a\\ud800"}\n', '{"id": "a\\udfff"}\n', '{"id": "\\ud83d\\ude00"}\n')
    assert [cells[0] for _, cells in rows] == ["a\ud800", "a\udfff", "\U0001f600"]


def test_unknown_names_of_json_objects_are_collected_over_the_whole_file():
    sheet, _ = lines(
        '{"id": "a", "user": {"id": "u"}, "meta": {"status": 1}}\n',
        '{"id": "b", "dateExpire": 1}\n',
        '{"id": "c", "user": {"idd": "u"}, "dateExpire": 1}\n',
    )
    said = sheet.warnings[WarningCode.UNKNOWN_COLUMN]
    assert said.count("'dateExpire'") == 1
    assert "'user.idd' (closest known column: 'user.id')" in said


def test_json_lines_with_known_names_have_no_warning():
    sheet, _ = lines('{"id": "a", "user": null, "value": 1}\n')
    assert sheet.warnings == {}


def test_unknown_names_of_json_objects_are_bounded():
    sheet, _ = lines(*(f'{{"name{n}": 1, "\\ud800{n}": 2}}\n' for n in range(3_000)))
    said = sheet.warnings[WarningCode.UNKNOWN_COLUMN]
    assert said.endswith("and others.")
    said.encode()


# --- Schedule and expiry ---


@pytest.mark.parametrize("scheduled", ["2027-01-01", "2027-01-02T00:00:00+01:00", "2028-01-01"])
def test_rejects_a_reward_that_expires_before_it_is_available(scheduled):
    outcome, message = rejected(dateScheduledFor=scheduled, dateExpires="2027-01-01T00:00:00Z")
    assert outcome is Outcome.INVALID_VALUE
    assert message.startswith("dateExpires 2027-01-01T00:00:00Z is not after dateScheduledFor 202")


def test_accepts_a_reward_that_is_available_for_a_day():
    reward = read(dateScheduledFor="2027-01-01", dateExpires="2027-01-01").reward
    assert (reward.date_scheduled_for, reward.date_expires) == (NEW_YEAR, NEW_YEAR + DAY)
