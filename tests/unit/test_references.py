"""What a balance keeps of the references of redemptions that went to history."""

from rewards.domain.balance import RedemptionRequest
from rewards.domain.duplicates import RowSet
from rewards.domain.references import WINDOW, may_be_archived, with_archived
from tests.builders.moments import DAY

NOW = 20_000 * DAY


def archived(*redeemed, now=NOW, before=()):
    return with_archived([*before], [(date, reference, "") for date, reference in redeemed], now)


def test_an_archived_reference_is_found_for_400_days():
    kept = archived((NOW, "payment-1"))
    assert may_be_archived(kept, "payment-1", "", NOW + WINDOW - 1)
    assert not may_be_archived(kept, "payment-1", "", NOW + WINDOW + DAY)
    assert not may_be_archived(kept, "payment-2", "", NOW)


def test_a_reference_belongs_to_its_program():
    kept = with_archived([], [(NOW, "payment-1", "spring")], NOW)
    assert may_be_archived(kept, "payment-1", "spring", NOW)
    assert not may_be_archived(kept, "payment-1", "", NOW)


def test_days_that_count_no_more_are_forgotten():
    kept = archived((NOW, "payment-1"))
    later = archived((NOW + WINDOW + DAY, "payment-2"), now=NOW + WINDOW + DAY, before=kept)
    assert len(later) == 1


def test_after_two_thousand_references_the_oldest_day_is_unknown():
    kept = archived(*((NOW + n % 10 * DAY, f"payment-{n}") for n in range(2_010)), now=NOW + 10 * DAY)
    assert sum(len(texts) for _, texts in kept) <= 2_000 * 6
    assert kept[0][1] == ""
    assert may_be_archived(kept, "never redeemed", "", NOW + 10 * DAY)
    assert not may_be_archived(kept, "never redeemed", "", NOW + WINDOW + 2 * DAY)
    more = archived((NOW + 11 * DAY, "payment-x"), now=NOW + 11 * DAY, before=kept)
    assert may_be_archived(more, "never redeemed", "", NOW + 11 * DAY)


def test_a_day_of_too_many_references_stays_unknown_when_it_goes_on():
    kept = archived(*((NOW, f"payment-{n}") for n in range(2_001)))
    more = archived((NOW, "payment-x"), before=kept)
    assert may_be_archived(more, "payment-0", "", NOW)
    assert may_be_archived(more, "payment-x", "", NOW)


def test_a_row_with_a_reference_has_no_row_id_all_the_same():
    rows = RowSet()
    rows.add(RedemptionRequest(2, "acme", "ann", "POINT", 5, reference="payment-1"))
    assert rows.any_without_row_id, "a file that was read in blocks is read again"
    assert not rows.any_unidentified
