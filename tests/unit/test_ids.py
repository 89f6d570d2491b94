from rewards.domain import ids
from tests.builders.moments import NOW


def test_ids_sort_by_time_and_tell_it():
    older, newer = ids.new_id(NOW), ids.new_id(NOW + 1)
    assert older < newer
    assert ids.time_of(older) == NOW


def test_knows_the_id_that_earlier_versions_gave_to_the_import_of_an_object():
    one = ids.id_of_object(NOW, "bucket", "redemptions/a.csv", "v1")
    assert one == "06gywnjy02avxxmr"
    assert one != ids.id_of_object(NOW, "bucket", "redemptions/a.csv", "v2")
