"""GitHub's own description of its APIs, and whether an exchange follows it.

OpenAPI for REST, a schema for GraphQL: packages that Octokit makes of what GitHub publishes, at the versions and hashes
below. They lie in `$WEIGHT_GATE_GITHUB`, or `~/.cache/weight-gate/github`: each complete, or not there.
"""

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from graphql import build_schema, parse, validate
from graphql.execution.values import get_variable_values
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

from comments.server import Exchange

PACKAGES = {
    "@octokit/openapi@23.0.2": (
        "package/generated/api.github.com.json",
        "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
    ),
    "@octokit/graphql-schema@15.26.1": (
        "package/schema.graphql",
        "RFDC2MpRBd4AxSRvUeBIVeBU7ojN/SxDfALUd7iVYOSeEK3gZaqR2MGOysj4Zh2xj2RY5fQAUT+Oqq7hWTraMA==",
    ),
}
"""The file that is used of a package, and the package's SHA-512."""

_COMMENTS = "/repos/{owner}/{repo}/issues/{issue_number}/comments"
_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment_id}"


def fetch(package: str) -> Path:
    """The file of `package`, fetched if it is not there yet."""
    member, digest = PACKAGES[package]
    cache = Path(os.environ.get("WEIGHT_GATE_GITHUB") or Path.home() / ".cache" / "weight-gate" / "github")
    file = cache / package.rpartition("/")[2] / Path(member).name
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.is_file():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                unpacked = _unpacked(_download(package, digest, Path(scratch)), member, Path(scratch))
                file.parent.mkdir(exist_ok=True)
                unpacked.replace(file)
    return file


def _download(package: str, digest: str, folder: Path) -> Path:
    npm = shutil.which("npm")
    assert npm, "npm is not installed: these tests fetch GitHub's description of its API with it"
    done = subprocess.run([npm, "pack", "--silent", package], cwd=folder, capture_output=True, text=True, check=False)
    (archive,) = folder.glob("*.tgz") if not done.returncode else [None]
    assert archive, f"{package} could not be fetched: {done.stderr[-2000:]}"
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha512").digest()
    assert base64.b64encode(found).decode() == digest, f"{package} is not what it was"
    return archive


def _unpacked(archive: Path, member: str, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        for each in tar:
            if each.name == member:
                tar.extract(each, folder, filter="data")
                return folder / member
    raise AssertionError(f"{archive.name} has no {member}")


class _Request:
    host_url = "https://api.github.com"
    content_type = "application/json"

    def __init__(self, exchange: Exchange) -> None:
        self.method = exchange.method.lower()
        self.path = exchange.path
        self.body = exchange.body or None
        query = ImmutableMultiDict(exchange.query)
        self.parameters = RequestParameters(query=query, header=Headers(), cookie=ImmutableMultiDict())


class _Response:
    content_type = "application/json; charset=utf-8"

    def __init__(self, exchange: Exchange) -> None:
        self.status_code = exchange.answer.status
        self.data = exchange.answer.data()
        self.headers = Headers(exchange.answer.headers)


class Description:
    """Both, loaded: a second for all tests."""

    def __init__(self) -> None:
        document = json.loads(fetch("@octokit/openapi@23.0.2").read_text(encoding="utf-8"))
        document["paths"] = {path: document["paths"][path] for path in (_COMMENTS, _COMMENT)}
        self._document = document
        self._api = OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))  # of thirteen megabytes
        text = fetch("@octokit/graphql-schema@15.26.1").read_text(encoding="utf-8")
        self._schema = build_schema(text, assume_valid=True, assume_valid_sdl=True, no_location=True)

    def check(self, exchange: Exchange) -> None:
        """Raises where the request, or the server's answer to it, is not as GitHub describes."""
        assert exchange.headers["User-Agent"]
        assert exchange.headers["Authorization"].startswith("token ")
        if exchange.path == "/graphql":
            self._check_graphql(exchange)
            return
        request: Any = _Request(exchange)
        self._api.validate_request(request)
        operation = self._operation(exchange)
        assert {name for name, _ in exchange.query} <= self._parameters(operation)
        if exchange.body:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            assert json.loads(exchange.body).keys() <= schema["properties"].keys()
        else:
            assert "requestBody" not in operation
        # Of some operations not every refusal is described; one is never of a form that none has.
        if str(exchange.answer.status) in operation["responses"]:
            response: Any = _Response(exchange)
            self._api.validate_response(request, response)
        else:
            assert exchange.answer.status >= 400
            known = self._document["components"]["schemas"]["basic-error"]["properties"]
            assert exchange.answer.body.keys() <= known.keys()

    def _check_graphql(self, exchange: Exchange) -> None:
        assert exchange.method == "POST"
        assert not exchange.query
        body = json.loads(exchange.body)
        assert body.keys() == {"query", "variables"}
        document = parse(body["query"])
        assert validate(self._schema, document) == []
        (operation,) = document.definitions
        values = get_variable_values(self._schema, operation.variable_definitions, body["variables"])  # type: ignore[attr-defined]
        assert not isinstance(values, list), values

    def _operation(self, exchange: Exchange) -> dict[str, Any]:
        path = _COMMENT if "/issues/comments/" in exchange.path else _COMMENTS
        found: dict[str, Any] = self._document["paths"][path][exchange.method.lower()]
        return found

    def _parameters(self, operation: dict[str, Any]) -> set[str]:
        found = [
            self._document["components"]["parameters"][each["$ref"].rpartition("/")[2]]
            for each in operation["parameters"]
        ]
        return {each["name"] for each in found if each["in"] == "query"}
