import pytest

from export import markdown
from export.errors import ConfigError

PAGE = "# Page\n\n<!-- a -->\nold\n<!-- /a -->\n\ntext\n\n<!-- b --><!-- /b -->\n"


def test_a_section_is_filled_and_filled_again(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    markdown.fill(page, "b", r"new \1")
    markdown.fill(page, "a", "first")
    markdown.fill(page, "a", "second")
    assert page.read_text() == (
        "# Page\n\n<!-- a -->\n\nsecond\n\n<!-- /a -->\n\ntext\n\n"
        "<!-- b -->\n\nnew \\1\n\n<!-- /b -->\n"
    )


def test_a_page_without_the_section_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    with pytest.raises(ConfigError, match=r"between <!-- c --> and <!-- /c -->"):
        markdown.fill(page, "c", "new")
    with pytest.raises(ConfigError, match=r"between <!-- c -->"):
        markdown.fill(page, "c")
    markdown.fill(page, "a")  # only looks
    assert page.read_text() == PAGE
