"""Wheels made on the spot, for pip to install."""

import base64
import hashlib
import zipfile
from pathlib import Path


def wheel(folder: Path, name: str, number: str = "1.0", requires: str = "", **files: str) -> Path:
    """A wheel as https://packaging.python.org/en/latest/specifications/binary-distribution-format/ has it."""
    about = f"{name}-{number}.dist-info"
    need = f"Requires-Dist: {requires}\n" if requires else ""
    content = {
        **{f"{module}.py": code for module, code in files.items()},
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n{need}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in content.items())
    made = folder / f"{name}-{number}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in {**content, f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return made


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
