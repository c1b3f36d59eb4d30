"""Functions of series, which are arrays of numbers; one row each."""
