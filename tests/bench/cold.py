"""What a cold start imports: CPU of a function's module with a client, against boto3 with one client.

Each in a process of its own, with byte code, the least of several. What only this environment has and Lambda
does not (pyOpenSSL, awscrt), which botocore would import, is hidden.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/rewards/python"
_HIDE = "import sys; sys.modules.update(dict.fromkeys(['OpenSSL', 'awscrt']));"
_BARE = "import boto3; boto3.client('dynamodb')"
_APP = "import app; from rewards.adapters.clients import client; client('dynamodb')"


def cpu(code: str, *path: Path) -> float:
    """CPU seconds of a Python that runs some code."""
    region = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    environment = {**os.environ, **region, "PYTHONPATH": os.pathsep.join(map(str, (LAYER, *path)))}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", _HIDE + code], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ratios(times: int = 5) -> dict[str, float]:
    """Each function's CPU seconds over those of boto3 with a client."""
    functions = [path.parent.name for path in sorted(ROOT.glob("functions/*/app.py"))]
    bare, least = float("inf"), dict.fromkeys(functions, float("inf"))
    for _ in range(times):
        bare = min(bare, cpu(_BARE))
        for name in functions:
            least[name] = min(least[name], cpu(_APP, ROOT / "functions" / name))
    return {name: seconds / bare for name, seconds in least.items()}


if __name__ == "__main__":
    print(ratios())
