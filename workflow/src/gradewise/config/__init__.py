"""The configuration as typed models, one module for each section.

Whatever the user can set is declared here once, with its default and meaning; settings of a family lie with the family.
"""
