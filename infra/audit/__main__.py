"""Look for known vulnerabilities in what runs on AWS: `python -m infra.audit` (make audit).

The packages are those of the layers' constraints files, in their pinned versions. Ends with 1 if one has a
known vulnerability, and with 2 if the database of vulnerabilities could not be asked about one.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def main() -> int:
    files = [part for path in pinned() for part in ("--requirement", str(path))]
    command = ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off", *files]
    found = subprocess.run(
        [sys.executable, "-m", "pip_audit", *command], capture_output=True, text=True, check=False
    )
    try:
        dependencies = json.loads(found.stdout)["dependencies"]
    except ValueError:
        reason = (found.stderr.strip().splitlines() or ["no reason was given"])[-1]
        print(f"Nothing was checked: no database of vulnerabilities can be reached ({reason[:200]}).")
        return 2
    code, text = report(dependencies)
    print(text)
    return code


def pinned() -> list[Path]:
    """The constraints files of what runs on AWS."""
    return sorted(ROOT.glob("layers/*/constraints.txt"))


def report(dependencies: Sequence[dict[str, Any]]) -> tuple[int, str]:
    """What was found, in words, and the exit code."""
    lines = []
    for each in dependencies:
        for problem in each.get("vulns", ()):
            fixed = ", ".join(problem["fix_versions"]) or "no version yet"
            lines.append(f"{each['name']} {each['version']}: {problem['id']}, fixed in {fixed}")
    missed = sorted(each["name"] for each in dependencies if "skip_reason" in each)
    checked = len(dependencies) - len(missed)
    if missed:
        lines.append(
            "Not checked, because the database of vulnerabilities does not answer for them: "
            f"{', '.join(missed)}."
        )
    lines.append(f"{checked} of {len(dependencies)} packages were checked.")
    vulnerable = any(each.get("vulns") for each in dependencies)
    return (1 if vulnerable else 2 if missed else 0), "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
