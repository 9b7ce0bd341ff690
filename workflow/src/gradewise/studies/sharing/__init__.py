"""Families whose cells share work: a module for each, of the family's name, with a function `fit_cells`."""
