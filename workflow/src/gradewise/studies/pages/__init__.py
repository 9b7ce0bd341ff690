"""Parts of the page on studies: a module for each kind of study, of the name that `show` gives it.

Each has `blocks(name, study, found)`, which makes what stands under the study's heading from what steps and runs left.
"""
