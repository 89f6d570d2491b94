"""Write the constraints files, which pin every dependency: `python -m infra.pins` (make pins).

Each requirements file names a constraints file beside it. That file pins the requirements and whatever they
need in turn, at the versions that are installed here.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# Requirements by the environment in which they are installed.
FILES = {
    ".venv": [
        "requirements-dev.txt",
        *(f"layers/{name}/requirements.txt" for name in ("rewards", "sheets", "tokens")),
    ],
    ".venv-ministack": ["infra/local/requirements.txt"],
    ".venv-audit": ["infra/audit/requirements.txt"],
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def installed(environment: str) -> dict[str, Distribution]:
    """Return the packages of an environment by canonical name."""
    folders = (ROOT / environment / "lib").glob("python*/site-packages")
    found = distributions(path=[str(folder) for folder in folders])
    return {canonicalize_name(each.metadata["Name"]): each for each in found}


def requirements(path: Path) -> list[Requirement]:
    """Return the packages that a requirements file names."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in path.read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def needed(wanted: list[Requirement], packages: dict[str, Distribution]) -> dict[str, str]:
    """Return the versions of all packages that are wanted, and of those that they need on any Python."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(requirement, extra) for requirement in wanted for extra in ("", *requirement.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen or name not in packages:
            continue
        seen.add((name, extra))
        found[name] = packages[name].version
        for text in packages[name].requires or ():
            further = Requirement(text)
            if further.marker is None or any(_holds(further, version, extra) for version in PYTHONS):
                waiting += [(further, each) for each in ("", *further.extras)]
    return found


def _holds(requirement: Requirement, python: str, extra: str) -> bool:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}
    return bool(requirement.marker and requirement.marker.evaluate(environment))


def constraints(path: Path) -> Path:
    """Return the constraints file of a requirements file."""
    return path.with_name(path.name.replace("requirements", "constraints"))


def all_pins() -> Iterator[tuple[Path, str]]:
    """Return each constraints file with the text that it should have, of the environments that there are."""
    for environment, files in FILES.items():
        packages = installed(environment)
        if not packages:
            continue  # made only when it is needed
        for name in files:
            path = ROOT / name
            pins = sorted(needed(requirements(path), packages).items())
            yield constraints(path), _HEAD + "".join(f"{package}=={version}\n" for package, version in pins)


_HEAD = "# Every package that the requirements need, directly or not. `make pins` writes this file.\n"


def main() -> int:
    for path, text in all_pins():
        path.write_text(text)
        print(f"{path.relative_to(ROOT)}: {text.count('==')} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
