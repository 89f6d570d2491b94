"""Some seeds; `make simulate SEEDS=10000` plays more. A seed that fails tells how to see it again."""

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from unittest import mock

import pytest

from tests.simulation.__main__ import summary
from tests.simulation.auditor import Auditor
from tests.simulation.faults import KINDS, OTHERS, FaultProfile
from tests.simulation.history import MAX_STEPS, History, play
from tests.simulation.kernel import ProblemError
from tests.simulation.lambdas import ROOT
from tests.simulation.operators import Operator
from tests.simulation.world import FILES, World

SEEDS = (*range(32), 50)  # 50: two workers fail with a chunk, which is rare


@cache
def played(seed: int) -> History:
    return play(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_reward_is_ever_redeemed_twice_lost_or_forgotten(seed):
    history = played(seed)
    if history.problem:
        pytest.fail(history.described(), pytrace=False)


def test_throttling_makes_no_row_end_not_processed():
    """Of Lambda for hours, so that chunks become dead letters; and of DynamoDB."""
    count: Counter[str] = Counter()
    for seed in range(12):
        history = play(seed, FaultProfile({"no-concurrency": 0.1, "busy-table": 0.002}))
        if history.problem:
            pytest.fail(history.described(), pytrace=False)
        count.update(history.count)
    assert count["dead letters"] > 100
    assert count["fault busy-table"]
    assert count["row REDEEMED"]
    assert not count["row NOT_PROCESSED"]


def test_a_run_ends_with_every_failed_seed():
    assert summary([History(7, "a"), History(12, "b")]) == "2 failed: 7, 12."
    assert summary([]) == "All passed."


def test_one_seed_ends_with_a_sentence():
    assert History(17).described().endswith("--- Seed 17 passed.")
    assert "--- Seed 17 failed: a reward was lost" in History(17, "a reward was lost").described()


def worked_by_one_operator(world: World) -> Auditor:
    """Play a world to its end with one operator; returns its auditor."""
    auditor = Auditor(world)
    operator = Operator("operator", world, 3, auditor)
    world.kernel.spawn(operator.name, operator.work)
    world.kernel.run(until=lambda: False, limit=MAX_STEPS)
    return auditor


def test_partial_answers_of_a_worker_are_not_audited_as_results():
    # Seed 8837: a worker ran out of time, and the audit added its partial answers to those that count.
    world = World(0, FaultProfile({}))
    with world:
        auditor = worked_by_one_operator(world)
        auditor.check_end()
        files = world.s3.buckets[FILES].objects
        counted = [key for key in files if "/parts/chunk-" in key]
        assert counted
        for key in counted:
            body = files[key][-1].body
            world.s3.store(FILES, key.replace("/chunk-", "/so-far-"), body, {})
            world.s3.store(FILES, key.replace(".jsonl", "0.jsonl"), body, {})  # another attempt
        auditor.check_end()


def test_the_audit_finds_an_answer_that_was_lost():
    world = World(0, FaultProfile({}))
    with world:
        auditor = worked_by_one_operator(world)
        key = next(key for key in world.s3.buckets[FILES].objects if "/parts/chunk-" in key)
        world.s3.store(FILES, key, b"", {})
        with pytest.raises(ProblemError, match="the kept answers say"):
            auditor.check_end()


def test_a_report_may_run_out_of_time_only_where_a_run_stalled():
    # Seed 103103: a run stood still for as long as its function lives, so its report ended as too large.
    world = World(0, FaultProfile({}))
    with world:
        auditor = worked_by_one_operator(world)
        auditor.check_end()
        jobs = world.dynamodb.tables["jobs"].items
        export = next(item for (pk, _), item in jobs.items() if pk.startswith("EXPORT#"))
        assert export["status"] == {"S": "COMPLETED"}
        error = {"code": {"S": "REPORT_TOO_LARGE"}, "message": {"S": "One run took longer than it may."}}
        export |= {"status": {"S": "ABORTED"}, "error": {"M": error}}
        with pytest.raises(ProblemError, match="ran out of time without a stall"):
            auditor.check_end()
        world.kernel.count["fault stalled"] += 1
        auditor.check_end()


def test_the_seeds_meet_all_faults_and_all_that_can_become_of_a_row():
    count: Counter[str] = Counter()
    for seed in SEEDS:
        count.update(played(seed).count)
    rare = {"rejected-email", "broken-body"}  # a few in a hundred seeds
    missing = {f"fault {kind}" for kind in {*KINDS, *OTHERS} - rare} | {
        "history pages",
        "dead letters",
        "failed events",
        "partial batches",
        "crashes",
        "import DUPLICATE_FILE",
        *(f"row {outcome}" for outcome in _OUTCOMES),
    }
    assert not missing - (+count).keys()


# All of CONTRACT 3.1 and 6 but CANCELLED and BALANCE_FULL.
_OUTCOMES = (
    "REDEEMED",
    "UNCHANGED",
    "ALREADY_REDEEMED",
    "REFERENCE_CONFLICT",
    "INVALID_VALUE",
    "NOT_POSITIVE",
    "TRUNCATES_TO_ZERO",
    "MISSING_FIELD",
    "ROW_CHANGED",
    "DUPLICATE_ROW",
    "NO_BALANCE",
    "UNIT_MISMATCH",
    "INSUFFICIENT_BALANCE",
    "NOT_PROCESSED",
    "LOADED",
    "UNSUPPORTED_TYPE",
    "ID_IN_USE",
)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_is_one_history_in_every_process(hash_seed):
    code = "from tests.simulation.history import play; print(*(play(s).fingerprint for s in (3, 1)))"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "PYTHONPATH": f"{ROOT / 'layers/rewards/python'}:{ROOT}",
    }
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert ran.stdout.split() == [str(played(3).fingerprint), str(played(1).fingerprint)]


def test_the_sweep_leaves_an_export_that_was_not_created_within_a_day():
    """Seeds 100699 and 102150: the sweep did not run for so long."""
    for age, is_over in ((86_400_000, True), (86_399_999, False)):
        record = {"dateCreated": 0, "dateCompleted": None}
        auditor = mock.Mock(_kernel=mock.Mock(now=age), record=mock.Mock(return_value=record))
        Auditor.check_given_up(auditor, "EXPORT", "06gz")
        assert [call.args[0] for call in auditor._must.call_args_list] == ([] if is_over else [False])
