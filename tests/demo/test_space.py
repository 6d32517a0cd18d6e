"""The demo goes to a Space of the Hub, by the line of the Makefile: all of it, and nothing else."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from ..fake_hub import TOKEN, FakeHub, Repository  # noqa: TID252

ROOT = Path(__file__).parents[2]


def test_the_demo_takes_the_place_of_what_was_there(hub: FakeHub, tmp_path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (line,) = re.findall(r"^\t\$\(BIN\)/(hf upload .*)$", makefile, re.MULTILINE)
    space = hub.repositories["owner/demo"] = Repository("owner/demo")
    space.commit({"app.py": b"old", "space.py": b"old"})
    command = shlex.split(line.replace("$(SPACE)", "owner/demo"))
    folder = tmp_path / "build" / "space"
    folder.mkdir(parents=True)
    (folder / "space.py").write_text("new", encoding="utf-8")
    (folder / "tabs").mkdir()
    (folder / "tabs" / "draw.py").write_text("new", encoding="utf-8")
    program = str(Path(sys.executable).parent / command[0])
    done = subprocess.run(
        [program, *command[1:]],
        cwd=tmp_path,
        env=hub.environment(HF_TOKEN=TOKEN),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert space.files("main") == {"space.py": b"new", "tabs/draw.py": b"new"}
