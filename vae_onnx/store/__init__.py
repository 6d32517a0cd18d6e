"""Where models are kept: in the package, in a folder, on the Hugging Face Hub.

Reading order: `bundled`, `model_files` (the files of a model's folder), `datasets` (what a model
tells of its data set), `mistaken` (what people have in the place of a model), `hub`, `network` (why
that was not reached); `array_files` (images and codes in files of .npy and IDX).
"""
