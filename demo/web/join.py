"""`python3 -m demo.web.join DIR`: write vae.js and its types to a folder. Needs nothing but Python.

`vae.js` is written in modules, in `vae/`, and handed out as one file: who copies it into a page has
one thing to copy, without a bundler, and can read it. Joining is no more than this: the modules one
after the other, each behind those that it imports from, without the imports, those of types in
comments included; `export` stays before what `vae/vae.js` exports. What that cannot express is
refused.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

SOURCES = Path(__file__).parent / "vae"
ENTRY = "vae.js"  # its comment, and what it exports, are those of the joined file
TYPES = "vae.d.ts"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.]+)";\n', re.MULTILINE)
_REEXPORT = re.compile(r'^export \{([^}]*)\} from "\./([\w.]+)";\n', re.MULTILINE)
_TOP = re.compile(
    r"^(export )?(?:async )?(?:function\*?|class|const|let|var) ([\w$]+)", re.MULTILINE
)
_LEFT = re.compile(r"^(?:import|export)\b(?! (?:async |function|class|const ))", re.MULTILINE)
# Types of other modules, in comments; those of vae.js have a file of their own, vae.d.ts.
_TYPE = re.compile(r'import\("\./(?!vae\.js")[\w.]+"\)\.(\w+)')
_ALIAS = re.compile(r"^/\*\* @typedef \{(\w+)\} \1 \*/\n", re.MULTILINE)
_CHECKED = "// @ts-check\n"


def write(folder: Path) -> None:
    """Write `vae.js`, the modules as one, and `vae.d.ts` to a folder that is there."""
    texts = {ENTRY: join(), TYPES: (SOURCES / TYPES).read_text(encoding="utf-8")}
    for name, text in texts.items():
        partial = folder / f".{name}.{os.getpid()}"
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(folder / name)  # whole, for those who read it meanwhile


def join(sources: Path = SOURCES) -> str:
    """The modules in a folder as one, which exports what its `vae.js` exports.

    Raises:
        ValueError: A module imports in a circle, from elsewhere, or what is not exported there; it
            imports or exports in another form than `{ names }`; two share a name at the top.
    """
    entry = (sources / ENTRY).read_text(encoding="utf-8")
    public: set[str] = set()
    order: list[str] = []
    for names, module in _REEXPORT.findall(entry):
        public |= _names(names)
        _visit(sources, module, (ENTRY,), order)
    texts = {module: (sources / module).read_text(encoding="utf-8") for module in order}
    exported = {module: {n for e, n in _TOP.findall(text) if e} for module, text in texts.items()}
    for module, text in [(ENTRY, entry), *texts.items()]:
        for names, source in [*_IMPORT.findall(text), *_REEXPORT.findall(text)]:
            if missing := _names(names) - exported[source]:
                raise ValueError(f"{module}: {source} does not export {', '.join(sorted(missing))}")
    parts = [_body(ENTRY, _REEXPORT.sub("", entry), public)]
    parts += [_body(module, text, public) for module, text in texts.items()]
    joined = "\n".join(parts)
    tops = [name for _, name in _TOP.findall(joined)]
    if twice := sorted({name for name in tops if tops.count(name) > 1}):
        raise ValueError(f"two modules share a name at the top: {', '.join(twice)}")
    return _CHECKED + joined


def _visit(sources: Path, module: str, path: tuple[str, ...], order: list[str]) -> None:
    """Append a module to `order`, behind all that it imports from."""
    if module in path:
        raise ValueError(f"imports in a circle: {' -> '.join((*path, module))}")
    if module in order:
        return
    for _, source in _IMPORT.findall((sources / module).read_text(encoding="utf-8")):
        _visit(sources, source, (*path, module), order)
    order.append(module)


def _body(module: str, text: str, public: set[str]) -> str:
    """A module without its imports, and `export` before public names alone."""
    text = _IMPORT.sub("", text.removeprefix(_CHECKED))
    text = _ALIAS.sub("", _TYPE.sub(r"\1", text))
    if left := _LEFT.search(text):
        line = text[left.start() :].partition("\n")[0]
        raise ValueError(f'{module}: only `{{ names }} from "./module.js"` is joined, got {line}')

    def declaration(found: re.Match[str]) -> str:
        kept = found[2] in public or not found[1]
        return found[0] if kept else found[0].removeprefix("export ")

    return re.sub(r"\n{3,}", "\n\n", _TOP.sub(declaration, text)).strip("\n") + "\n"


def _names(listed: str) -> set[str]:
    return {name.strip() for name in listed.split(",") if name.strip()}


def main() -> None:
    """Write the two files."""
    parser = argparse.ArgumentParser(
        prog="python3 -m demo.web.join", description="Write vae.js and vae.d.ts to a folder."
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write(folder)
    print(f"{folder / ENTRY}, and {TYPES} beside it")


if __name__ == "__main__":
    main()
