"""For programs that PyInstaller packs: it asks here what of vae_onnx has to go along.

The entry point `pyinstaller40` names `hook_folders`; the hook itself is `hook-vae_onnx.py`.
"""

from pathlib import Path


def hook_folders() -> list[str]:
    """Return where PyInstaller finds the hook."""
    return [str(Path(__file__).parent)]
