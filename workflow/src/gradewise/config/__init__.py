"""The configuration as typed models, one module for each section.

Every setting is declared once, with its default and meaning: those of a family with the family, all others here.
"""
