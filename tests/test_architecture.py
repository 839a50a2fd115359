"""Data flows one way (docs/architecture.md): the imports, read from the code, hold the arrows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import ROOT

GATE = ROOT / "gate"

# What each part may import of the others. A part may always import itself.
ALLOWED = {
    "position": set(),
    "glob_machine": set(),
    "globs": {"glob_machine"},
    "wording": set(),
    "checkpoint_names": set(),
    "path_globs": set(),
    "errors": {"position"},
    "results": {"position"},
    "action": {"errors"},
    "manifest": {"errors", "globs", "path_globs", "position"},
    "tensors": {"errors", "globs", "position"},
    "formats": {"checkpoint_names", "errors", "tensors"},
    "workspace": {"checkpoint_names", "errors", "position"},
    "ownership": set(),
    "git": {"action", "checkpoint_names", "errors", "interpreter", "path_globs"},
    "references": {"action", "errors", "git", "locks", "ownership", "path_globs", "tensors", "workspace"},
    "asked": {"globs", "position", "tensors"},
    "interpreter": set(),
    "runtime": {"asked", "checks", "errors", "formats", "interpreter", "results", "tensors"},
    "hooks": {"errors", "manifest", "position", "workspace"},
    "paths": {"errors", "manifest", "workspace"},
    "plan": {
        "action", "asked", "errors", "manifest", "paths", "plan_loading", "position", "references", "tensors",
        "workspace", "written",
    },
    "plan_missing": {"asked", "errors", "git", "plan", "references", "tensors"},
    "plan_loading": {"asked", "manifest", "position", "tensors", "workspace"},
    "selection": {"errors", "git", "path_globs", "plan", "references", "results", "workspace"},
    "written": set(),
    "covering": {"globs"},
    "advice": {
        "approvals", "asked", "checks", "covering", "errors", "globs", "manifest", "results", "tensors", "wording",
        "written",
    },
    "approvals": {
        "asked", "checks", "covering", "errors", "file_digest", "formats", "git", "globs", "interpreter", "locks",
        "manifest", "ownership", "plan", "position", "references", "reports", "results", "tensors", "wording",
        "workspace",
    },
    "arguments": set(),
    "checks": {"asked", "errors", "file_digest", "position", "results", "tensors", "wording", "written"},
    "file_digest": {"errors"},
    "locks": {"errors", "file_digest", "manifest", "position", "tensors"},
    "listing": {"tensors"},
    "diff": {"checks", "errors", "plan", "references", "tensors"},
    "requirements": {"errors", "interpreter", "position"},
    "run": {
        "advice", "asked", "checks", "errors", "formats", "gate", "mutations", "plan", "plan_missing", "position",
        "references", "requirements", "results", "runtime", "tensors", "workspace",
    },
    "reports": {"errors", "ownership", "position", "results", "wording"},
    "github": {"errors", "interpreter"},
    "loosening": {
        "action", "approvals", "checks", "errors", "git", "glob_machine", "globs", "locks", "manifest", "path_globs",
        "plan", "position", "results", "tensors", "wording", "workspace",
    },
    "commands": {
        "action", "approvals", "calibrate", "checks", "diff", "errors", "explaining", "file_digest", "formats", "gate",
        "git", "github", "globs", "hooks", "init", "interpreter", "listing", "locks", "loosening", "manifest",
        "mutations", "paths", "plan", "plan_missing", "position", "references", "reports", "requirements", "results",
        "run", "runtime", "selection", "streams", "tensors", "wording", "workspace", "written",
    },
    "init": {
        "covering", "errors", "formats", "git", "globs", "hooks", "locks", "manifest", "reports", "results", "tensors",
        "wording",
    },
    "mutations": {"checks", "covering", "errors", "globs", "manifest", "position", "results", "tensors", "wording"},
    "calibrate": {
        "asked", "checks", "errors", "plan", "references", "reports", "run", "runtime", "tensors", "wording",
    },
    "explaining": {
        "asked", "checks", "errors", "formats", "globs", "manifest", "plan", "plan_missing", "position", "references",
        "reports", "results", "run", "runtime", "tensors", "wording", "workspace",
    },
    "parser": {"arguments", "errors", "gate"},
    "cli": {"action", "errors", "parser", "streams"},
    "streams": {"errors"},
    "__main__": {"cli"},
    "gate": set(),
}  # fmt: skip

LIBRARIES = {
    "advice": {"numpy"},
    "calibrate": {"numpy"},
    "approvals": {"numpy"},
    "manifest": {"yaml", "pydantic", "pydantic_core"},
    "tensors": {"blake3", "numpy", "ml_dtypes"},
    "formats": {"crc32c", "h5py", "isal", "ml_dtypes", "numpy"},
    "checks": {"numpy"},
    "init": {"numpy"},
    "requirements": {"packaging"},
    "references": {"aiohttp", "fsspec", "gcsfs", "s3fs"},
    "commands": {"shtab"},
    "loosening": {"numpy"},
    "run": {"numpy"},
    "mutations": {"ml_dtypes", "numpy"},
    "runtime": {"crc32c", "h5py", "keras", "ml_dtypes", "numpy", "tensorflow", "tf_keras"},
    "reports": {"rich", "junit_xml"},
    "github": {"github", "requests"},
}


def modules() -> list[Path]:
    return sorted(GATE.rglob("*.py"))


def part_of(dotted: str) -> str:
    """`gate.checks.values` -> `checks`; `gate` alone is itself."""
    return [*dotted.split("."), "gate"][1]


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it the import stands; strings given to `import_module` too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.update(
                f"{node.module}.{alias.name}" if node.module == "gate" else node.module or "" for alias in node.names
            )
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    relative = path.relative_to(GATE).with_suffix("").parts
    part = "gate" if relative == ("__init__",) else relative[0]
    for name in imports(path):
        top = name.split(".")[0]
        if top == "gate":
            other = part_of(name)
            other = other if other in ALLOWED else "gate"
            assert other == part or other in ALLOWED[part], f"{part} must not import {name}"
        elif top not in sys.stdlib_module_names:
            assert top in LIBRARIES.get(part, set()), f"{part} must not import {name}"


def test_one_module_leads_to_h5py() -> None:
    """Importing it costs a tenth of a second, and libhdf5 is not made for hostile files."""
    through = {path for path in modules() if any(name.split(".")[0] == "h5py" for name in imports(path))}
    assert {path.name for path in through} == {"through_h5py.py", "through_h5py_data.py", "tagged_hdf5.py"}


def test_every_part_is_known() -> None:
    parts = {p.relative_to(GATE).with_suffix("").parts[0] for p in modules()} - {"__init__"}
    assert parts == set(ALLOWED) - {"gate"}


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], check=True, text=True, capture_output=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())  # what is above was printed by the code itself


def test_validating_needs_no_numpy_and_nothing_needs_a_framework() -> None:
    manifest = ROOT / "examples" / "digits" / "weight-gate.yml"
    loaded = loaded_after(f"from gate.cli import main; assert main(['validate', {str(manifest)!r}]) == 0")
    assert not loaded & {"numpy", "h5py", "tensorflow", "keras", "rich"}
    loaded = loaded_after(f"from gate.cli import main; main(['check', '--no-reports', {str(manifest)!r}])")
    assert "numpy" in loaded
    assert not loaded & {"h5py", "tensorflow", "keras", "torch"}


def test_only_the_command_line_prints_or_exits() -> None:
    for path in modules():
        relative = str(path.relative_to(GATE))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "exit", "quit", "breakpoint"}, f"{relative} calls {node.func.id}"
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"sys.stdout", "sys.stderr", "sys.exit"}:
                assert relative in {"streams.py", "__main__.py"}, f"{relative} uses {ast.unparse(node)}"


def test_only_the_action_module_reads_the_runners_environment() -> None:
    for path in modules():
        if path.name != "action.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                    assert not node.value.startswith(("GITHUB_", "INPUT_", "RUNNER_")), path
