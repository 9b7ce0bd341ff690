"""Kinds of study: a package for each, of the name that `show` gives it.

Each holds `Study`, its section of the configuration, and a module `page` with `blocks(name, study, found)`, which makes
what stands under the study's heading, and perhaps `short(name, study, found)`, which sums it up for the overview.
A kind that computes something first has its step there too.
"""
