"""vae.js as it is handed out: the modules in one file, and what cannot be joined."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.web import join
from demo.web.build import ROOT

MODULES = {
    "vae.js": '// @ts-check\n/** What it is. */\n\nexport { open } from "./open.js";\n',
    "open.js": '// @ts-check\n// Opens.\n\nimport { read, SIZE } from "./read.js";\n\n'
    "/** Open. */\nexport async function open(file) {\n  return read(file, SIZE);\n}\n",
    "read.js": "export const SIZE = 4;\n\nexport function read(file, size) {\n  return size;\n}\n",
}
JOINED = """// @ts-check
/** What it is. */

const SIZE = 4;

function read(file, size) {
  return size;
}

// Opens.

/** Open. */
export async function open(file) {
  return read(file, SIZE);
}
"""


def write(folder: Path, **changed: str) -> Path:
    for name, text in {**MODULES, **{f"{key}.js": text for key, text in changed.items()}}.items():
        (folder / name).write_text(text)
    return folder


def test_modules_become_one(tmp_path: Path) -> None:
    assert join.join(write(tmp_path)) == JOINED


def test_types_of_other_modules_are_those_of_the_one(tmp_path: Path) -> None:
    shared = "/** @typedef {number} Size Of a file. */\n\n"
    alias = '/** @typedef {import("./read.js").Size} Size */\n'
    typed = '/** @param {import("./read.js").Size} size @param {import("./vae.js").Told} told */\n'
    read = MODULES["read.js"].replace("export function", shared + typed + "export function")
    opened = MODULES["open.js"].replace("/** Open. */", alias + "/** Open. */")
    joined = join.join(write(tmp_path, read=read, open=opened))
    assert joined == JOINED.replace(
        "function read",
        shared + '/** @param {Size} size @param {import("./vae.js").Told} told */\nfunction read',
    )


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (MODULES["read.js"] + 'import { open } from "./open.js";\n', "open.js -> read.js -> open"),
        (MODULES["read.js"].replace("SIZE", "MOST"), "open.js: read.js does not export SIZE"),
        (MODULES["read.js"] + "const open = 1;\n", "share a name at the top: open"),
        (MODULES["read.js"] + 'import fs from "node:fs";\n', "read.js: only .* got import fs from"),
        (MODULES["read.js"] + "export default read;\n", "read.js: only .* got export default"),
        (MODULES["read.js"] + 'import "./side.js";\n', 'read.js: only .* got import "./side'),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path: Path, read: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        join.join(write(tmp_path, read=read))


def test_the_joined_file_exports_what_its_types_say(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    types = module.with_name("vae.d.ts").read_text(encoding="utf-8")
    exported = re.findall(r"^export (?:async )?(?:class|function) (\w+)", text, re.MULTILINE)
    declared = re.findall(r"^export (?:class|function) (\w+)", types, re.MULTILINE)
    assert sorted(exported) == sorted({*declared, "Autoencoder"})
    assert 'import("./' not in re.sub(r'import\("\./vae\.js"\)\.\w+', "", text)
    assert not re.search(r"^import\b", text, re.MULTILINE)


def test_the_command_needs_nothing_but_python(tmp_path: Path, module: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-S", "-m", "demo.web.join", str(tmp_path / "new")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "new" / "vae.js").read_text("utf-8") == module.read_text("utf-8")
    assert (tmp_path / "new" / "vae.d.ts").is_file()
