# What every rule file uses: the checked configuration, constraints on wildcards, where things lie, and what jobs need.

from pathlib import Path

from snakemake.exceptions import WorkflowError

from gradewise.config import ConfigError, load, to_json
from gradewise.provenance import code_version
from gradewise.views.geometry import minimum_side

try:
    CONFIG = load(config)
except ConfigError as error:
    raise WorkflowError(str(error))

RESULTS = "results/{dataset}"
RUN = f"{RESULTS}/models/{{model}}/{{repeat}}"


def any_of(names):
    """Regular expression of a wildcard that takes one of these names, or of one that takes none."""
    return "|".join(names) or "(?!)"


def models_of(family):
    return [name for name, model in CONFIG.models.items() if model.family == family]


wildcard_constraints:
    dataset=any_of(CONFIG.datasets),
    view=any_of(CONFIG.views),
    model=any_of(CONFIG.models),
    repeat=r"\d+",


def dataset_of(wildcards):
    return CONFIG.datasets[wildcards.dataset]


def classes_of(wildcards):
    return to_json(dataset_of(wildcards).classes)


def view_of(wildcards):
    return CONFIG.models[wildcards.model].view


def repeats_of(wildcards):
    return range(dataset_of(wildcards).evaluation.runs)


def of_all_runs(file):
    """Input function: a file of every run of a dataset, models in the order of the configuration."""

    def paths(wildcards):
        return expand(
            f"{RUN}/{file}",
            dataset=wildcards.dataset,
            model=dataset_of(wildcards).models,
            repeat=repeats_of(wildcards),
        )

    return paths


def or_null(value):
    """An optional setting as it stands on a command line."""
    return "null" if value is None else value


# Resources, as functions of the input and the attempt: a job killed for memory or time asks for more when retried.
# Memory is in MB, time in minutes.


def threads_by_size(mb_per_thread, most=8):
    """Threads of a job: small inputs leave the other cores to the next job."""

    def threads(wildcards, input):
        # threads must be a number even where a dry run plans with files that are not there yet
        size_mb = (
            sum(Path(file).stat().st_size for file in input if Path(file).exists())
            / 1e6
        )
        return max(1, min(most, int(size_mb / mb_per_thread)))

    return threads


def memory(base, factor):
    """Memory of a job that holds `factor` times its input beside `base` MB."""

    def mem_mb(wildcards, input, attempt):
        return int((base + factor * input.size_mb) * attempt)

    return mem_mb


def one_gpu(wildcards, input, attempt):
    """A network trains on one GPU where there is any; profiles say what a GPU is called, or that there is none."""
    return 1


def minutes(base, per_gb):
    """Time of a job that takes `per_gb` minutes more for each GB of input."""

    def runtime(wildcards, input, attempt):
        return int((base + per_gb * input.size_mb / 1000) * attempt)

    return runtime
