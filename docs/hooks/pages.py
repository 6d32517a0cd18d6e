"""Pages that lie beside docs/, and the addresses of pyproject.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[2]
BESIDE: Final = {
    "changelog.md": ROOT / "CHANGELOG.md",
    "favicon.png": ROOT / "demo" / "page" / "static" / "favicon.png",
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the project's addresses."""
    project = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]
    urls = project.get("urls", {})
    config.repo_url, config.repo_name = urls.get("Repository", urls.get("Source")), "Source"
    config.site_url = urls.get("Documentation")
    config.extra["repository"] = urls.get("Repository")
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies beside docs/."""
    for name, path in BESIDE.items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Name the search for those who hear the page, which the theme forgot."""
    return output.replace('role="dialog">', 'role="dialog" aria-label="Search">')
