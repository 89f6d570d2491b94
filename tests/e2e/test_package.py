"""Our fast packaging of the built template against the tool that does it for AWS."""

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.ministack import CREDENTIALS, REGION, MiniStack
from infra.local.package import CODE_PROPERTIES, package
from infra.local.stack import BUILD

BUCKET = "artifacts"
SAM = Path(sys.executable).parent / "sam"


@pytest.fixture
def aws() -> Iterator[MiniStack]:
    ministack = MiniStack.start()
    ministack.client("s3").create_bucket(Bucket=BUCKET)
    yield ministack
    ministack.stop()


def test_packages_what_sam_package_does(aws: MiniStack, tmp_path: Path) -> None:
    ours = without_notes(package(BUILD, aws.client("s3"), BUCKET))
    theirs = without_notes(sam_package(aws, tmp_path / "packaged.yaml"))

    our_code, their_code = take_code(aws, ours), take_code(aws, theirs)

    assert ours == theirs
    assert our_code == their_code


def sam_package(aws: MiniStack, output: Path) -> Any:
    environment = {
        **os.environ,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
    }
    command = [SAM, "package", "--template-file", BUILD / "template.yaml", "--s3-bucket", BUCKET]
    subprocess.run(
        [*command, "--output-template-file", output], env=environment, check=True, capture_output=True
    )
    return yaml.safe_load(output.read_text())


def without_notes(template: Any) -> Any:
    """SAM writes each resource's own name into its metadata, for its other commands."""
    for resource in template["Resources"].values():
        metadata = resource.pop("Metadata", {})
        metadata.pop("SamResourceId", None)
        if metadata:
            resource["Metadata"] = metadata
    return template


def take_code(aws: MiniStack, template: Any) -> dict[str, dict[str, bytes]]:
    """The files of each function and layer, whose places the template loses."""
    code = {}
    for name, resource in template["Resources"].items():
        for key in CODE_PROPERTIES:
            if key in resource.get("Properties", {}):
                uri = resource["Properties"].pop(key)
                bucket, _, path = uri.removeprefix("s3://").partition("/")
                body = aws.client("s3").get_object(Bucket=bucket, Key=path)["Body"].read()
                with zipfile.ZipFile(io.BytesIO(body)) as archive:
                    code[name] = {file: archive.read(file) for file in archive.namelist() if file[-1] != "/"}
    return code
