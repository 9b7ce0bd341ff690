"""Processes that have imported libraries beforehand and fork for each job of a run on this machine.

A job that runs for a second spends most of it on importing numpy, pandas, scikit-learn or PyTorch, and the next job
imports them again. While a run on Linux lasts, a server keeps them: the shell of a job calls `python -m ..`, which is
`client.py` there, and the server forks a process that runs the step with the client's arguments, files, folder and
environment. A command that is copied runs as it stands, by Python itself.

`start.py` starts the server and says when, `server.py` is the server, and `usage.py` lets Snakemake's benchmarks see
the processes that it forks, which are not children of the job's shell.
"""
