"""One seed: a world, its operators, its auditor; and what to tell when something is wrong."""

from dataclasses import dataclass, field

from tests.simulation.auditor import Auditor
from tests.simulation.faults import FaultProfile
from tests.simulation.kernel import Kernel, ProblemError
from tests.simulation.operators import Operator
from tests.simulation.world import World

# Far more than any seed needs; who gets here turns in circles.
MAX_STEPS = 60_000


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
    """Play a seed to its end: the faults stop, the queues drain, dead letters are handled, all is checked.

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
    kernel.run(until=lambda: all(operator.done for operator in operators), limit=MAX_STEPS)
    world.faults.stop()
    kernel.run(until=lambda: False, limit=MAX_STEPS)
    auditor.check_end()


def _keep(history: History, kernel: Kernel) -> None:
    history.steps = kernel.steps
    history.fingerprint = kernel.fingerprint
    history.count = dict(kernel.count)
    history.trace = list(kernel.trace)
