"""What PyInstaller takes along: the bundled models, and modules imported by their names."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

datas: list[tuple[str, str]] = collect_data_files("vae_onnx")
hiddenimports: list[str] = collect_submodules("vae_onnx")
