"""References from buckets, through the libraries that people install for them."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from gate.errors import GateError
from gate.references.interface import Sources
from gate.references.limits import Limits
from gate.references.url import UrlReference
from gate.workspace import Workspace
from support.cli import ROOT
from support.https import PROXIES

DATA = bytes(range(256)) * 1000
SHA = hashlib.sha256(DATA).hexdigest()
QUICK = Limits(seconds=60, pause_seconds=0.01)


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="golden/a.keras", Body=DATA)
    yield address
    client.close()
    server.stop()


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return Sources(Workspace(tmp_path, [tmp_path]), tmp_path, tmp_path / "cache")


def fetch(sources: Sources, url: str, sha256: str = SHA) -> bytes:
    return UrlReference(url, sha256, QUICK).fetch(sources).path.read_bytes()


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")


@pytest.mark.usefixtures("allowed")
def test_from_s3(sources: Sources) -> None:
    assert fetch(sources, "s3://models/golden/a.keras") == DATA


@pytest.mark.usefixtures("allowed")
def test_another_file_in_s3_is_never_used(sources: Sources) -> None:
    with pytest.raises(GateError, match=r"the file at s3://models/golden/a\.keras is another one"):
        fetch(sources, "s3://models/golden/a.keras", "0" * 64)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("key", ["models/golden/other.keras", "models/golden", "nowhere/golden.keras"])
def test_nothing_there_in_s3(sources: Sources, key: str) -> None:
    with pytest.raises(GateError) as caught:
        fetch(sources, f"s3://{key}")
    assert caught.value.reason == f"s3://{key} does not exist"


def test_without_credentials(sources: Sources, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(GateError, match="could not be had: NoCredentialsError: Unable to locate credentials") as caught:
        fetch(sources, "s3://models/golden/a.keras")
    assert "credentials" in caught.value.hint


@pytest.mark.parametrize(
    ("scheme", "package", "extra"), [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs"), ("gcs", "gcsfs", "gcs")]
)
def test_a_library_that_is_missing_is_named(scheme: str, package: str, extra: str, tmp_path: Path) -> None:
    code = f"""
import json, sys
sys.modules[{package!r}] = None
from pathlib import Path
from gate.errors import GateError
from gate.references.interface import Sources
from gate.references.url import UrlReference
from gate.workspace import Workspace
sources = Sources(Workspace(Path(), []), Path({str(tmp_path)!r}))
try:
    UrlReference("{scheme}://models/golden.keras", "0" * 64).fetch(sources)
except GateError as error:
    print(json.dumps([error.exit_code, error.reason, error.hint]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    exit_code, reason, hint = json.loads(done.stdout)
    assert exit_code == 4
    assert reason == f"{scheme}:// addresses need the package {package}, which is not installed"
    assert hint.startswith(f"pip install 'weight-gate[{extra}]', or fetch the file in a step before the gate")


def test_the_extras_are_there() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert [line.split(">")[0] for line in extras["s3"]] == ["s3fs"]
    assert [line.split(">")[0] for line in extras["gcs"]] == ["gcsfs"]
