"""The notebooks of docs/notebooks/ as pages, as `make notebooks` has written them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

FOLDER: Final = "notebooks/"  # of the site


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Write the folder of notebooks out in the navigation, or leave it out where there are none."""
    config.nav = [part for item in config.nav or [] for part in _written_out(item, config)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages with their pictures, the notebooks, and the pages that these have made."""
    built = _built(config)
    for path in [*built.glob("*.*"), *built.glob("*/page/**/*.*")]:
        name = FOLDER + path.relative_to(built).as_posix()
        if path.suffix == ".md":  # not where it lies, but where its links are right
            files.append(File.generated(config, name, content=path.read_text("utf-8")))
        else:
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def _written_out(item: Any, config: MkDocsConfig) -> list[Any]:
    if not isinstance(item, dict) or FOLDER not in item.values():
        return [item]
    (title,) = item
    pages = sorted(_built(config).glob("*.md"))
    return [{title: [FOLDER + page.name for page in pages]}] if pages else []


def _built(config: MkDocsConfig) -> Path:
    return Path(str(config.config_file_path)).parent / str(config.extra["notebooks"])
