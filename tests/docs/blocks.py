"""The blocks of code in the pages."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    page: str  # "docs/bulk.md"
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """What people read: docs/ and what lies at the top."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def blocks() -> list[Block]:
    found = []
    for path in pages():
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT).as_posix()
        found += [
            Block(name, text[: one.start()].count("\n") + 1, one[1], one[2])
            for one in FENCED.finditer(text)
        ]
        assert text.count("\n```") == 2 * sum(block.page == name for block in found), name
    return found


def commands_of(block: Block) -> list[str]:
    """The lines of a shell, those that go on in the next one joined, without comments."""
    lines = block.text.replace("\\\n", "").splitlines()
    plain = (re.sub(r"(^|\s+)#.*", "", line).strip() for line in lines)
    return [" ".join(line.split()) for line in plain if line]
