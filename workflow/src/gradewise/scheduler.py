"""Keeps Snakemake from looking for jobs to start ever more often.

Where it limits how many jobs start in a span of time, it looks for jobs again after that span, and again after each
look. Each job that ends begins such a series, so that after some hundred jobs Snakemake looks hundreds of times a
second, for as long as any job waits for a core. Without a limit it looks when a job ends.
"""

from __future__ import annotations

from snakemake.scheduling.job_scheduler import JobScheduler

DEFAULT = 100, 1
"""Snakemake's own limit [jobs, s], which no run comes near: on one machine a job takes a second, and profiles of
clusters run at most 100 jobs at a time."""


def look_when_jobs_end(scheduler: JobScheduler) -> None:
    """Drop the limit, unless it is one that a user set (`--max-jobs-per-timespan`)."""
    limiter = scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == DEFAULT:
        scheduler.job_rate_limiter = None
