"""Kinds of study: a package for each, of the name that `show` gives it.

Each holds `Study`, its section of the configuration, and a module `page` with `blocks(name, study, evidence)`, which
makes what stands under the study's heading, and perhaps `short(name, study, evidence)`, its line in the overview.
A kind that computes something first has its step there too.
"""
