"""The data sets, and folders of pictures as data sets."""
