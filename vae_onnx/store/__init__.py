"""Where models are kept: in the package, in a folder, on the Hugging Face Hub.

Reading order: `bundled`, `model_files` (the files of a model's folder), `hub`, `datasets` (what a
model tells of its data set).
"""
