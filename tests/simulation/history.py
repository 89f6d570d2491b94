"""One seed: a world, its operators, its auditor; and what to tell when something is wrong."""

from dataclasses import dataclass, field

from tests.simulation.auditor import Auditor
from tests.simulation.faults import FaultProfile
from tests.simulation.kernel import DAY, HOUR, MINUTE, Kernel, ProblemError
from tests.simulation.operators import Approvers, Operator
from tests.simulation.world import World

# Far more than any seed needs; who gets here turns in circles.
MAX_STEPS = 60_000
# An import that is validated again needs a second one if its chunks are lost, too.
SWEEPS = 3


@dataclass
class History:
    """What came of a seed; `problem` is None if all was well."""

    seed: int
    problem: str | None = None
    steps: int = 0
    fingerprint: int = 0
    count: dict[str, int] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """What came of the seed, in a sentence."""
        return f"Seed {self.seed} failed: {self.problem}" if self.problem else f"Seed {self.seed} passed."

    def described(self, lines: int = 120) -> str:
        """The end of the trace, the verdict, and how to play a failed seed again."""
        replay = [f"--- Replay: make simulate SEED={self.seed}"] if self.problem else []
        return "\n".join(
            [
                f"--- the last {lines} events: milliseconds, who, what ---",
                *self.trace[-lines:],
                f"--- {self.verdict}",
                *replay,
            ]
        )


def play(seed: int, profile: FaultProfile | None = None) -> History:
    """Play a seed to its end: the faults stop, the queues drain, dead letters are handled, what was lost is
    resumed, all is checked.

    Its fault profile is the seed's own, or one with some kinds of faults.
    """
    history = History(seed)
    world = World(seed, profile)
    kernel = world.kernel
    with world:
        try:
            _play(world)
        except ProblemError as error:
            history.problem = str(error)
        finally:
            _keep(history, kernel)
    return history


def _play(world: World) -> None:
    kernel = world.kernel
    auditor = Auditor(world)
    operators = [
        Operator(f"operator-{number}", world, kernel.people.choice([3, 6, 12, 20]), auditor)
        for number in range(kernel.people.choice([1, 1, 2]))
    ]
    for operator in operators:
        kernel.spawn(operator.name, operator.work)
    approvers = Approvers(operators[0], auditor)

    def is_over() -> bool:
        return all(operator.done for operator in operators)

    if world.rule != "never":
        kernel.spawn("approvers", lambda: approvers.work(is_over))
    # Where no queue is purged, everything has to end without the sweep, which would hide a lost message.
    loses_messages = world.faults.may_happen("purged-queue")
    if loses_messages:
        world.sweep_until(is_over)
    kernel.run(until=is_over, limit=MAX_STEPS)
    world.faults.stop()
    kernel.run(until=lambda: False, limit=MAX_STEPS)
    _settle(world, auditor, approvers)
    if loses_messages:
        _resume(world, auditor, operators[0])
        _settle(world, auditor, approvers)
    auditor.check_end()


def _settle(world: World, auditor: Auditor, approvers: Approvers) -> None:
    """Decide about what still awaits approval, but every other import, which expires."""
    kernel = world.kernel
    for place, import_id in enumerate(auditor.waiting()):
        if place % 2:
            approvers.decide(import_id)
    kernel.run(until=lambda: False, limit=MAX_STEPS)
    if auditor.waiting():
        kernel.after(14 * DAY + HOUR, lambda: world.sweep(is_spared=True))
        kernel.run(until=lambda: False, limit=MAX_STEPS)


def _resume(world: World, auditor: Auditor, operator: Operator) -> None:
    """Let the sweep resume what is lost; where it gave up, an operator or an engineer does."""
    kernel = world.kernel
    for by_sweep in (*[True] * SWEEPS, False):
        left = auditor.unfinished()
        kernel.count["resumed by the sweep" if by_sweep else "resumed by hand"] += len(left)
        if not left:
            return
        if by_sweep:
            kernel.after(HOUR + MINUTE, lambda: world.sweep(is_spared=True))
        else:
            for kind, identifier, is_ended in left:
                auditor.check_given_up(kind, identifier)
                operator.save(kind, identifier, is_ended)
        kernel.run(until=lambda: False, limit=MAX_STEPS)


def _keep(history: History, kernel: Kernel) -> None:
    history.steps = kernel.steps
    history.fingerprint = kernel.fingerprint
    history.count = dict(kernel.count)
    history.trace = list(kernel.trace)
