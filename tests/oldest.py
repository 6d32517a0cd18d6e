"""Print the oldest versions of what the runtime needs that pyproject.toml allows, for pip."""

import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"

if __name__ == "__main__":
    needed = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    print(*(requirement.replace(">=", "==") + ".*" for requirement in needed))
