"""The picture of a red pull request shows what the gate prints today.

A drawing cannot be compared, but the texts that it is drawn of can.
"""

import struct
from pathlib import Path

import pytest

from docs import picture

LARGEST = 300_000


@pytest.mark.tensorflow
def test_the_texts_of_the_picture_are_what_is_printed_now(tmp_path: Path) -> None:
    """If not: python docs/picture.py"""
    found = picture.red_pull_request(tmp_path / "pull-request")
    assert found.exit_code == 1
    assert picture.comparable(picture.SUMMARY.read_text("utf-8")) == picture.comparable(found.summary)
    assert picture.ANNOTATIONS.read_text("utf-8") == found.annotations


def test_the_picture_is_there_and_small() -> None:
    data = picture.PICTURE.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width == picture.WIDTH * picture.SCALE
    assert height > width
    assert len(data) < LARGEST


def test_the_page_has_the_annotation_below_its_line_and_the_summary_below_that(tmp_path: Path) -> None:
    lines = ["a", "b", "c", "d", "digest: 1", "f", "rule", "h", "i"]
    after = [line.replace("1", "2") for line in lines]
    said = "::error file=m.yml,line=7,col=1,title=x%3A y::cause %3C1%25%0Anext <b>\n::notice file=m.yml,line=7::no\n"
    page = picture.page(
        picture.RedPullRequest(lines, after, "## Red\n\n### Coverage and notes\n\n- all\n", said, 1), ""
    )
    order = [
        "@@ -2,7 +2,7 @@",
        "-digest: 1",
        "+digest: 2",
        "> rule<",
        "on line 7 in m.yml",
        "x: y",
        "cause %3C1%\nnext &lt;b&gt;",
    ]
    order += ["> h<", "<h2>Red</h2>"]
    places = [page.index(each) for each in order]
    assert places == sorted(places)
    assert "Coverage" not in page
    assert "> a<" not in page
    assert "> i<" not in page
