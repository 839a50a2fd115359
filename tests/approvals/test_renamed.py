"""Approvals of layers that were renamed: with `names` in the manifest, and with rules that speak of the old name."""

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from approvals.scenes import ALL, BY, approvals, changed, check, flat, golden, locked, update
from support.cli import run_gate
from support.files import example, write

NAMES = [{"from": "^head/", "to": "top/"}]
WHY = ("--reason", "the head has another name", *BY)


def renamed(**changes: float) -> dict[str, Any]:
    return {name.replace("head/", "top/"): array for name, array in changed(**changes).items()}


def entry(folder: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / "weight-gate.yml").read_text())["models"][0])


def say(folder: Path, **more: Any) -> None:
    (folder / "weight-gate.yml").write_text(
        yaml.safe_dump({"version": 1, "models": [{**entry(folder), **more}]}, sort_keys=False)
    )


def names(folder: Path) -> list[str]:
    return [each["name"] for each in yaml.safe_load((folder / "model.lock.yml").read_text())["tensors"]]


def commands(folder: Path) -> list[list[str]]:
    """The approvals that `check` prints."""
    said = run_gate("check", "--no-reports", cwd=folder, env={"COLUMNS": "400"}).stdout
    return [shlex.split(line) for line in re.findall(r"^ *(weight-gate update .*)$", said, re.MULTILINE)]


@pytest.mark.parametrize("make", [golden, locked])
def test_a_whole_approval_takes_names_out_of_the_manifest(tmp_path: Path, make: Any) -> None:
    folder = tmp_path / "repository"
    make(folder, arrays=renamed(head__kernel=1))
    say(folder, names=NAMES)
    seen = update(folder, "--dry-run")
    assert "`names` goes out of the manifest" in flat(seen.stdout), seen.stdout + seen.stderr
    assert re.search(r"^ *-  *names:$", seen.stdout, re.MULTILINE)
    done = update(folder, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "names" not in entry(folder)
    assert check(folder) == 0
    assert [each["what"] for each in approvals(folder)[-1]["written"]][-1] == "names"


def test_a_part_keeps_the_names_that_the_manifest_speaks_of(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder, arrays=renamed(head__kernel=1, conv__kernel=2))
    say(folder, names=NAMES)
    before = names(folder)
    done = update(folder, "--yes", "--only", "top/**", *WHY)
    assert done.returncode == 1, done.stdout + done.stderr
    assert names(folder) == before
    assert entry(folder)["names"] == NAMES
    assert check(folder) == 1
    assert update(folder, *ALL).returncode == 0
    assert check(folder) == 0


def test_files_of_one_entry_keep_the_names_of_their_locks(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    for stem in ("a", "b"):
        write("npz", folder, example(0), stem=stem)
    said = {"version": 1, "models": [{"weights": "*.npz", "reference": {"lock": "{stem}.lock.yml"}, "load": False}]}
    (folder / "weight-gate.yml").write_text(yaml.safe_dump(said))
    assert update(folder, "--yes", "--only", "**", *BY).returncode == 0
    for stem, add in (("a", 1.0), ("b", 0.0)):
        write("npz", folder, renamed(head__kernel=add), stem=stem)
    say(folder, names=NAMES)
    done = update(folder, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(folder) == 0
    assert entry(folder)["names"] == NAMES


def approve(folder: Path, command: list[str]) -> Any:
    """A printed command, with what a person adds."""
    words = command[2 : command.index("--reason")]
    return update(folder, *words, "--yes", *WHY)


def test_a_printed_command_is_refused_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder)
    (command,) = commands(folder)
    done = update(folder, *command[2:], "--yes")
    assert done.returncode == 2
    assert "is no reason" in done.stderr


def test_a_rule_that_would_match_nothing_comes_first_as_a_patch(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder, arrays=renamed(), tensors=[{"match": "head/**", "expect": "identical"}])
    assert commands(folder) == []
    said = run_gate("check", "--no-reports", cwd=folder, env={"COLUMNS": "400"}).stdout
    assert "the rule `head/**` (weight-gate.yml:" in said
    assert "write `top/**` instead first" in said
    patch = said[said.index("--- a/weight-gate.yml") :]
    patch = "\n".join(line.strip(" ") if line.strip()[:3] in {"---", "+++"} else line for line in patch.splitlines())
    assert re.search(r"^ *\+.*top/\*\*", patch, re.MULTILINE), said
    say(folder, tensors=[{"match": "top/**", "expect": "identical"}])
    (command,) = commands(folder)
    done = approve(folder, command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert check(folder) == 0


def test_what_has_to_be_another_is_not_offered(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    golden(folder, arrays=changed(head__kernel=1, conv__kernel=2), tensors=[{"match": "head/**", "expect": "changed"}])
    assert commands(folder) == []
    said = flat(run_gate("check", "--no-reports", cwd=folder).stdout)
    assert "cannot be approved as the manifest is: `expect: changed` asks that head/bias and 1 more" in said


def test_diff_prints_no_command(tmp_path: Path) -> None:
    write("npz", tmp_path, example(0), stem="a")
    write("npz", tmp_path, example(1), stem="b")
    assert "weight-gate update" not in run_gate("diff", "a.npz", "b.npz", cwd=tmp_path).stdout


def test_a_model_goes_by_its_weights_too(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder)
    assert update(folder, "--model", "model.npz", *ALL).returncode == 0
    assert run_gate("check", "--no-reports", "--model", "./model.npz", cwd=folder).returncode == 0


RULES = [
    [],
    [{"match": "head/**", "expect": "changed"}],
    [{"match": "head/**", "expect": "identical"}],
    [{"match": "head/kernel", "expect": "any", "reason": "it is trained"}],
    [{"match": "top/**", "expect": "new"}],
    [{"match": "bn/gamma", "expect": "removed"}],
    [{"match": "conv/**", "statistics": {"std": {"max": 1.0e-9}}}],
    [{"match": "head/bias", "shape": [4]}],
    [{"match": "bn/moving_mean", "expect": "ignored", "reason": "it moves"}],
]


def without(name: str) -> dict[str, Any]:
    return {key: array for key, array in changed(head__kernel=1).items() if key != name}


CHANGES = {
    "retrained": changed(head__kernel=1, head__bias=0.5),
    "all": example(7),
    "renamed": renamed(),
    "renamed and retrained": renamed(head__kernel=1, conv__kernel=1),
    "one less": without("bn/gamma"),
    "one more": {**changed(), "top/kernel": np.ones(3, np.float32)},
    "not a number": changed(head__kernel=np.nan),
    "a shape": {**changed(), "head/bias": np.zeros(5, np.float32)},
}


def said(rules: Any) -> str:
    return f"{rules[0]['match']} {rules[0].get('expect')}" if rules else "none"


@pytest.mark.parametrize(
    ("make", "change", "rules"),
    [  # every other pair for a golden file, the others for a lock: each takes a second
        pytest.param(make, change, rules, id=f"{make.__name__}-{change}-{said(rules)}")
        for row, change in enumerate(CHANGES)
        for column, rules in enumerate(RULES)
        for make in [(golden, locked)[(row + column) % 2]]
    ],
)
def test_every_command_that_is_printed_works(tmp_path: Path, make: Any, change: str, rules: list[Any]) -> None:
    """It ends at 0 with a green check after it, or says what is left."""
    folder = tmp_path / "repository"
    make(folder, arrays=CHANGES[change])
    say(folder, tensors=rules)
    for command in commands(folder):
        done = approve(folder, command)
        if done.returncode == 0:
            assert check(folder) == 0, done.stdout
        else:
            assert done.returncode == 1, (command, done.stdout, done.stderr)
            assert "still red" in done.stdout
            assert check(folder) == 1


def swapped() -> dict[str, Any]:
    arrays = example(0)
    first, second = next(
        (a, b) for a in arrays for b in arrays if a < b and arrays[a].shape == arrays[b].shape and a.startswith("bn")
    )
    arrays[first], arrays[second] = arrays[second], arrays[first]
    return arrays


def test_a_swap_is_told_before_the_question_and_in_the_record(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder, arrays=swapped())
    done = update(folder, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    block = flat(done.stdout).split("an approval writes:")[1]
    assert "swapped: it holds what the lock has as bn/" in block
    assert any("swapped: it holds" in each for each in approvals(folder)[-1]["largest"])


def test_a_first_lock_says_that_there_was_none(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    locked(folder)
    (first,) = approvals(folder)
    assert first["tensors"] == {"changed": 0, "new": len(example(0)), "removed": 0}
    assert first["largest"] == ["no earlier lock or reference to compare with"]


def test_a_lost_lock_is_compared_with_the_one_that_git_has(tmp_path: Path) -> None:
    from support.repositories import Repo

    repo = Repo.init(tmp_path / "repository")
    locked(repo.path, arrays=swapped())
    repo.commit()
    (repo.path / "model.lock.yml").unlink()
    said = flat(run_gate("check", "--no-reports", cwd=repo.path).stdout)
    assert "bring it back: `git checkout HEAD -- model.lock.yml`" in said
    assert "(weight-gate.yml:" in said or "weight-gate.yml:" in said
    unsaid = update(repo.path, "--yes", "--only", "**", *BY)
    assert unsaid.returncode == 2
    done = update(repo.path, *ALL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert approvals(repo.path)[-1]["tensors"] == {"changed": 2, "new": 0, "removed": 0}
    assert "it holds what the lock of HEAD has as bn/" in flat(done.stdout)
