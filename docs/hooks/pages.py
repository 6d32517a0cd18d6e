"""Pages that lie beside docs/, the folder of notebooks, and the addresses of pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[2]
BESIDE: Final = {
    "changelog.md": ROOT / "CHANGELOG.md",
    "favicon.png": ROOT / "demo" / "page" / "static" / "favicon.png",
}
NOTEBOOKS: Final = "notebooks/"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the project's addresses, and write out the folder of notebooks in the navigation."""
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]
    urls = project.get("urls", {})
    config.repo_url, config.repo_name = urls.get("Repository", urls.get("Source")), "Source"
    config.site_url = urls.get("Documentation")
    config.extra["repository"] = urls.get("Repository")
    config.nav = [part for item in config.nav or [] for part in _written_out(item, config)]
    return config


def _written_out(item: Any, config: MkDocsConfig) -> list[Any]:
    """A part of the navigation as it is; a folder as the pages in it, or as nothing while empty."""
    if not isinstance(item, dict) or NOTEBOOKS not in item.values():
        return [item]
    (title,) = item
    pages = sorted(Path(config.docs_dir, NOTEBOOKS).glob("*.md"))
    return [{title: [f"{NOTEBOOKS}{page.name}" for page in pages]}] if pages else []


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies beside docs/."""
    for name, path in BESIDE.items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Name the search for those who hear the page, which the theme forgot."""
    return output.replace('role="dialog">', 'role="dialog" aria-label="Search">')
