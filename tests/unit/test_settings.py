"""A function's settings: all of them, or an error that names every one at fault."""

from dataclasses import dataclass

import pytest

from rewards.settings import SettingsError, load


@dataclass(frozen=True, slots=True)
class Settings:
    jobs_table: str
    public_url: str
    retention_days: int


GIVEN = {"JOBS_TABLE": "jobs", "PUBLIC_URL": "https://example.com", "RETENTION_DAYS": "30"}


def test_reads_every_setting():
    assert load(Settings, GIVEN) == Settings("jobs", "https://example.com", 30)


@pytest.mark.parametrize("empty", ["", " ", "\t\n"])
def test_rejects_empty_settings_and_names_them_all(empty):
    with pytest.raises(SettingsError, match=r"^JOBS_TABLE is empty; RETENTION_DAYS is empty$"):
        load(Settings, {**GIVEN, "JOBS_TABLE": empty, "RETENTION_DAYS": empty})


def test_tells_a_missing_setting_from_an_empty_and_a_wrong_one():
    with pytest.raises(SettingsError) as caught:
        load(Settings, {"PUBLIC_URL": "", "RETENTION_DAYS": "a month"})
    problems = "JOBS_TABLE is not set; PUBLIC_URL is empty; RETENTION_DAYS is not a whole number: 'a month'"
    assert str(caught.value) == problems


def test_reads_only_the_settings_that_a_function_needs():
    found = load(Settings, {"JOBS_TABLE": "jobs"}, only=("jobs_table",))
    assert found.jobs_table == "jobs"
    with pytest.raises(AttributeError, match="public_url"):
        _ = found.public_url


def test_rejects_the_name_of_a_setting_that_does_not_exist():
    with pytest.raises(SettingsError, match=r"^job_table is no setting$"):
        load(Settings, GIVEN, only=("job_table",))
