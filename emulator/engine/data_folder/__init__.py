"""The files of a data folder: opened, watched over, checked, copied."""
