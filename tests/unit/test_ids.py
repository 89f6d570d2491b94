import re

from rewards.rules import ids
from rewards.rules.row_ids import belongs_to, export_of, make_row_id
from tests.unit.days import NOW


def test_ids_sort_by_time_and_tell_it():
    older, newer = ids.new_id(NOW), ids.new_id(NOW + 1)
    assert older < newer
    assert ids.time_of(older) == NOW


def test_knows_the_id_that_earlier_versions_gave_to_the_import_of_an_object():
    one = ids.id_of_object(NOW, "bucket", "redemptions/a.csv", "v1")
    assert one == "06gywnjy02avxxmr"
    assert one != ids.id_of_object(NOW, "bucket", "redemptions/a.csv", "v2")


def test_a_row_id_survives_spreadsheets():
    for export_number in range(200):
        row_id = make_row_id(ids.new_id(NOW + export_number), "acme", "ann", "POINT", None)
        assert re.fullmatch("R[0-9A-Z]{31}", row_id)


def test_a_row_id_knows_its_report_and_its_balance():
    export_id = ids.new_id(NOW)
    row_id = make_row_id(export_id, "acme", "ann", "POINT", "P")
    assert export_of(row_id) == export_id
    assert belongs_to(row_id, "acme", "ann", "POINT", "P")
    assert not belongs_to(row_id, "acme", "ann", "POINT", None)
    assert not belongs_to(row_id, "acmea", "nn", "POINT", "P"), "parts do not flow into each other"
