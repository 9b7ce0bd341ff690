from types import SimpleNamespace

import pytest
from snakemake.scheduling.job_scheduler import JobRateLimiter, JobScheduler
from snakemake.settings.types import MaxJobsPerTimespan

from gradewise.scheduler import look_when_jobs_end


@pytest.mark.parametrize(("limit", "kept"), [("100/1s", False), ("100/2s", True), ("99/1s", True), ("1/1m", True)])
def test_only_the_limit_that_nobody_set_is_dropped(limit, kept):
    scheduler = SimpleNamespace(job_rate_limiter=JobRateLimiter(MaxJobsPerTimespan.parse_choice(limit)))
    look_when_jobs_end(scheduler)
    assert (scheduler.job_rate_limiter is not None) == kept


def test_a_scheduler_without_a_limit_is_left_alone():
    scheduler = SimpleNamespace(job_rate_limiter=None)
    look_when_jobs_end(scheduler)
    assert scheduler.job_rate_limiter is None


def test_snakemake_looks_again_only_where_it_has_a_limit():
    assert {"job_rate_limiter", "_schedule_reevalutation"} <= set(JobScheduler.schedule.__code__.co_names)
