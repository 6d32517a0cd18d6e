"""The data sets, each split held as one tensor, and folders of pictures as data sets.

Reading order: `datasets`, `folder`.
"""
