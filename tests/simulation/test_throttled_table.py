"""A throttled table makes nothing fail and nothing spin (DynamoDB's limits: tests/simulation/limits.py)."""

from functools import cache

from tests.simulation.limits import Run, run_import

ROWS = 2_000
ADMITTED = 500  # units a second


@cache
def unlimited() -> Run:
    return run_import(ROWS, None)


def check_done(run: Run) -> None:
    assert run.record["status"] == "COMPLETED"
    assert run.record["outcomes"] == {"REDEEMED": ROWS}
    assert not run.count.get("dead letters")


def test_without_a_limit_nothing_is_asked_twice():
    check_done(unlimited())
    assert not any(unlimited().throttled.values())
    assert unlimited().count["call dynamodb.BatchStatement"] == ROWS / 25
    assert unlimited().count["call dynamodb.BatchGetItem"] == ROWS / 100


def test_an_import_ends_though_the_table_admits_a_hundredth_of_its_demand():
    assert unlimited().per_second > 100 * ADMITTED
    run = run_import(ROWS, ADMITTED)
    check_done(run)
    assert run.throttled["keys"] > 0
    # What is read is what can be written, so hardly a write is rejected.
    assert run.throttled["statements"] < ROWS / 20
    assert run.count["call dynamodb.BatchGetItem"] < 5 * ROWS / 100
    assert run.count["call dynamodb.BatchStatement"] < 5 * ROWS / 25


def test_it_ends_though_no_worker_lives_long_enough_for_its_chunk():
    run = run_import(ROWS, rate=2)
    check_done(run)
    assert run.count["requeued"] > 5 * ROWS / 500, "more often than a message may fail"
    # A worker tries again every one and a half seconds at most, on average.
    assert run.count["call dynamodb.BatchGetItem"] < 4 * run.seconds


def test_where_only_writes_are_throttled_a_row_is_read_again_for_each_try():
    run = run_import(ROWS, ADMITTED, reads=None)
    check_done(run)
    assert run.throttled["statements"] > 0
    assert run.count["call dynamodb.BatchGetItem"] < 12 * ROWS / 100
