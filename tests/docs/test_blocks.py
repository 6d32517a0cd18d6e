"""Every block of the pages is run: by test_pages.py, by another test, or it is told why not."""

import re
from pathlib import Path

import pytest

from . import elsewhere
from .blocks import ROOT, Block, blocks

ALL = blocks()


@pytest.mark.parametrize("entry", [*elsewhere.RUN, *elsewhere.NOT_RUN], ids=lambda one: one[1])
def test_what_is_listed_is_one_block(entry: tuple[str, str, str]) -> None:
    page, words, _ = entry
    assert len([block for block in ALL if block.page == page and words in block.text]) == 1


@pytest.mark.parametrize("test", sorted({test for _, _, test in elsewhere.RUN}))
def test_who_runs_a_block_is_there_and_reads_its_page(test: str) -> None:
    file, _, name = test.partition("::")
    text = Path(ROOT, file).read_text(encoding="utf-8")
    assert re.search(rf"^def {name}\(", text, re.MULTILINE)
    for page in {page for page, _, named in elsewhere.RUN if named == test}:
        assert page.rpartition("/")[2] in text


@pytest.mark.parametrize(
    "block", [one for one in ALL if one.language not in elsewhere.RUN_HERE], ids=str
)
def test_a_block_in_another_language_is_run_elsewhere(block: Block) -> None:
    assert elsewhere.is_listed(block), f"{block}: no test runs this ```{block.language}"
