"""The picture of a red pull request, made of what the gate really prints: python docs/picture.py

Somebody replaces examples/digits/models/digits.keras with a file in which two kernels of one shape have changed places,
and pins its digest, as one does. The gate runs as in GitHub Actions; beside the picture are kept the summary that it
wrote (`.md`) and the annotations that it printed (`.annotations.txt`), which `tests/docs` compares with today's.

Drawing needs Chromium, npm (for GitHub's style sheet) and pngquant; `--texts` writes the two texts alone.
"""

import hashlib
import html
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import h5py
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / "examples" / "digits"
PICTURE = ROOT / "docs" / "images" / "red-pull-request.png"
SUMMARY = PICTURE.with_suffix(".md")
ANNOTATIONS = PICTURE.with_suffix(".annotations.txt")
STYLE = "github-markdown-css@5.9.0"
WIDTH, SCALE = 940, 2
_CONTEXT = 3  # lines around a change, as in a pull request
_LESS_URGENT = (
    "### Coverage and notes"  # the summary from here on is in the text alone: the picture would be twice as tall
)


@dataclass(frozen=True)
class RedPullRequest:
    """What the author changed in the manifest, and what the gate says."""

    before: list[str]
    after: list[str]
    summary: str
    annotations: str
    exit_code: int


def red_pull_request(scratch: Path) -> RedPullRequest:
    """The example with two kernels exchanged and the new digest in the manifest, checked as in GitHub Actions."""
    shutil.copytree(DIGITS / "models", scratch / "models")
    _swap(scratch / "models" / "digits.keras")
    digest = hashlib.sha256((scratch / "models" / "digits.keras").read_bytes()).hexdigest()
    before = (DIGITS / "weight-gate.yml").read_text("utf-8")
    after = re.sub("sha256:[0-9a-f]{64}", f"sha256:{digest}", before)
    (scratch / "weight-gate.yml").write_text(after, "utf-8")
    summary = scratch / "summary.md"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "INPUT_"))}
    environment |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "gate", "check", "--no-reports"],
        cwd=scratch,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # progress
        encoding="utf-8",
        check=False,
    )
    printed = [line for line in done.stdout.splitlines() if re.match("::(error|warning|notice) ", line)]
    return RedPullRequest(
        before.splitlines(),
        after.splitlines(),
        summary.read_text("utf-8"),
        "".join(f"{line}\n" for line in printed),
        done.returncode,
    )


def _swap(path: Path) -> None:
    """The kernels of `conv_2` and `conv_3` change places in a `.keras` file, and nothing else is touched."""
    layer = _module(DIGITS / "tamper.py").layer
    weights = "model.weights.h5"
    with zipfile.ZipFile(path) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in members:
            content = io.BytesIO(data)
            if info.filename == weights:
                with h5py.File(content, "r+") as file:
                    backbone = layer(file, "backbone")
                    second, third = (layer(backbone, name)["vars/0"] for name in ("conv_2", "conv_3"))
                    second[...], third[...] = third[...], second[...]
            archive.writestr(info, content.getvalue())


def _module(path: Path) -> ModuleType:
    """A script that is in no package."""
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def comparable(summary: str) -> str:
    """What of a summary must not differ between two runs: no times, versions and machines."""
    text = re.sub(r"<details><summary>(Steps of loading|Environment)<.*?</details>\n\n", "", summary, flags=re.DOTALL)
    return re.sub(r"^- .* loaded with .*\n", "", text, flags=re.MULTILINE)


def page(found: RedPullRequest, style: str) -> str:
    """The diff of the manifest with the annotations on its lines, and below it the summary, as GitHub renders both."""
    told, _, _ = found.summary.partition(_LESS_URGENT)
    body = MarkdownIt("commonmark").enable("table").render(told)
    return _PAGE.format(style=style, width=WIDTH, diff=_diff(found), summary=body)


def _diff(found: RedPullRequest) -> str:
    """The rows of a unified diff; the manifest's lines are replaced one by one, none is added or taken away."""
    changed = [i for i, pair in enumerate(zip(found.before, found.after, strict=True)) if pair[0] != pair[1]]
    shown = range(max(changed[0] - _CONTEXT, 0), min(changed[-1] + _CONTEXT + 1, len(found.after)))
    notes = _notes(found.annotations)
    span = f"{shown[0] + 1},{len(shown)}"
    rows = [f'<tr class="hunk"><td></td><td></td><td>@@ -{span} +{span} @@</td></tr>']
    for i in shown:
        old, new = html.escape(found.before[i]), html.escape(found.after[i])
        if i in changed:
            rows.append(f'<tr class="gone"><td>{i + 1}</td><td></td><td>-{old}</td></tr>')
            rows.append(f'<tr class="come"><td></td><td>{i + 1}</td><td>+{new}</td></tr>')
        else:
            rows.append(f"<tr><td>{i + 1}</td><td>{i + 1}</td><td> {new}</td></tr>")
        rows.extend(f'<tr><td colspan="3" class="note">{note}</td></tr>' for note in notes.get(i + 1, ()))
    return "\n".join(rows)


def _notes(annotations: str) -> dict[int, list[str]]:
    """The errors by line, each as the box that GitHub draws."""
    boxes: dict[int, list[str]] = {}
    for line in annotations.splitlines():
        command = re.fullmatch(r"::error file=(.*?),line=(\d+),col=\d+,title=(.*?)::(.*)", line)
        if command:
            file, at, title, message = (_unescaped(part) for part in command.groups())
            head = f"<p><b>Check failure</b> on line {at} in {html.escape(file)}</p>"
            box = f"<div>{head}<p><b>{html.escape(title)}</b></p><pre>{html.escape(message)}</pre></div>"
            boxes.setdefault(int(at), []).append(box)
    return boxes


def _unescaped(text: str) -> str:
    """What the runner makes of the text of a workflow command."""
    for code, char in (("%0A", "\n"), ("%0D", "\r"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, char)
    return text


_PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><style>
{style}
body {{ margin: 0; padding: 16px; width: {width}px; box-sizing: border-box; background: #fff; }}
.where {{ font: 600 13px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; color: #59636e;
  margin: 0 0 6px 2px; }}
.box {{ border: 1px solid #d1d9e0; border-radius: 6px; overflow: hidden; margin-bottom: 16px; }}
.box .file {{ background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: 8px 12px;
  font: 600 12px ui-monospace, SFMono-Regular, "Liberation Mono", monospace; }}
.diff {{ border-collapse: collapse; width: 100%; font: 12px/20px ui-monospace, "Liberation Mono", monospace; }}
.diff td {{ padding: 0 8px; white-space: pre; }}
.diff td:nth-child(-n+2):not(.note) {{ width: 28px; text-align: right; color: #59636e; }}
.diff .hunk td {{ background: #ddf4ff; color: #59636e; }}
.diff .gone td {{ background: #ffebe9; }}
.diff .come td {{ background: #dafbe1; }}
.diff .note {{ padding: 8px 12px; white-space: normal; border-top: 1px solid #d1d9e0; border-bottom: 1px solid #d1d9e0;
  font: 13px/1.45 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }}
.note div {{ border: 1px solid #d1d9e0; border-left: 4px solid #cf222e; border-radius: 6px; padding: 8px 12px; }}
.note p {{ margin: 0 0 4px; }}
.note p:first-child {{ color: #59636e; }}
.note pre {{ margin: 0; white-space: pre-wrap; font: 12px/1.5 ui-monospace, "Liberation Mono", monospace; }}
.markdown-body {{ padding: 20px 24px; font-size: 15px; }}
.markdown-body > :last-child {{ margin-bottom: 0; }}
</style></head><body>
<p class="where">Files changed</p>
<div class="box"><div class="file">weight-gate.yml</div><table class="diff">{diff}</table></div>
<p class="where">Summary of the job, as far as it tells what is wrong</p>
<div class="box"><div class="markdown-body">{summary}</div></div>
<script>document.documentElement.dataset.height = document.documentElement.scrollHeight</script>
</body></html>
"""


def draw(found: RedPullRequest, scratch: Path) -> None:
    """The page as a picture, cut to its height. Errors of the tools end the script."""
    subprocess.run(["npm", "install", "--silent", "--prefix", scratch, STYLE], check=True)  # noqa: S603, S607
    style = (scratch / "node_modules" / "github-markdown-css" / "github-markdown-light.css").read_text("utf-8")
    drawn = scratch / "page.html"
    drawn.write_text(page(found, style), "utf-8")
    chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    asked = [*chromium, f"--window-size={WIDTH},400", "--dump-dom", drawn.as_uri()]
    dom = subprocess.run(asked, check=True, capture_output=True, text=True).stdout  # noqa: S603
    height = re.search(r'data-height="(\d+)"', dom)
    if height is None:
        raise SystemExit("Chromium did not say how tall the page is")
    size = [f"--window-size={WIDTH},{height[1]}", f"--force-device-scale-factor={SCALE}", f"--screenshot={PICTURE}"]
    subprocess.run([*chromium, *size, drawn.as_uri()], check=True, capture_output=True)  # noqa: S603
    subprocess.run(["pngquant", "--force", "--strip", "--output", PICTURE, "64", PICTURE], check=True)  # noqa: S603, S607


def main(options: list[str]) -> None:
    """Write both texts, and the picture unless it is not asked for."""
    if set(options) - {"--texts"}:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as name:
        found = red_pull_request(Path(name) / "pull-request")
        PICTURE.parent.mkdir(exist_ok=True)
        SUMMARY.write_text(found.summary, "utf-8")
        ANNOTATIONS.write_text(found.annotations, "utf-8")
        if not options:
            draw(found, Path(name))
    print(f"exit {found.exit_code}: {', '.join(str(path.relative_to(ROOT)) for path in (SUMMARY, ANNOTATIONS))}")


if __name__ == "__main__":
    main(sys.argv[1:])
