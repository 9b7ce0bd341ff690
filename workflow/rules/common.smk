# Shared by the rules of all stages: the checked configuration, its plan, and wildcards.

import json
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from gradewise import deployment
from gradewise.config.config import mentions_scales
from gradewise.config.deployment import RECOMMENDED
from gradewise.config.faults import ConfigError
from gradewise.config.section import to_json
from gradewise.families import registry
from gradewise.images.state import files_state
from gradewise.plan import planned_runs
from gradewise.planning import (
    CARELESS,
    DEPLOYED,
    IMAGES_OF_FEATURES,
    IMAGES_OF_VIEW,
    RESULTS,
    RUN,
    VARIANT,
    any_of,
    as_flags,
    variant_folder,
)
from gradewise.provenance import code_version
from gradewise.report import sections
from gradewise.resources import (
    MOST_THREADS,
    has_gpu,
    memory,
    minutes,
    threads_by_size,
)
from gradewise.studies.config import load
from gradewise.studies.planning import StudiesPlan

try:
    SCALE = config.get("scale", "small") if mentions_scales(config) else None
    CONFIG = load(config)
    PLAN = StudiesPlan(CONFIG, SCALE)
    # not again by the process of each job, which on a cluster may not reach the images
    if workflow.is_main_process:
        from gradewise.start.examine import require_usable

        for warning in require_usable(CONFIG):
            logger.warning(warning)
except (ConfigError, registry.FamilyError) as error:
    raise WorkflowError(str(error))

# The files that the configuration was read from. Rules take them as functions, for a brace in a name would be a wildcard.
CONFIGFILES = to_json(
    [str(path) for path in workflow.config_settings.configfiles] or ["config.yaml"]
)
OVERRIDES = to_json(workflow.config_settings.config)

# where jobs run on this machine and it has no GPU, networks share its cores as other models do
GPUS = not workflow.local_exec or has_gpu()

STUDY = f"{RESULTS}/studies/{{study}}"
MODELS = PLAN.models
# datasets and names of the new images that their models are applied to
APPLIED = [
    (dataset, name)
    for dataset in CONFIG.datasets
    for name in CONFIG.datasets[dataset].apply
]
dataset_of = PLAN.dataset_of


wildcard_constraints:
    dataset=any_of(CONFIG.datasets),
    view=any_of(CONFIG.views),
    model=any_of(MODELS),
    study=any_of(CONFIG.studies),
    of_study=f"(/({any_of(CONFIG.studies)}))?",
    repeat=r"\d+",
    variant=r"(/variants/[a-z0-9-]+)?",
    shard=r"\d+-of-\d+",


def classes_of(wildcards):
    return to_json(dataset_of(wildcards).classes)


def read_of(wildcards):
    """What `read_images` tells of the images of a dataset."""
    sides = Path(f"results/{wildcards.dataset}/read/sides.json")
    if not sides.exists():
        # tells Snakemake to ask again once the images are read
        checkpoints.read_images.get(dataset=wildcards.dataset)
    return json.loads(sides.read_text())


def side_needed(wildcards):
    """Smallest side of images that the views of a dataset need, see `Plan.side_needed`."""
    return PLAN.side_needed(wildcards, read_of(wildcards)["smallest"])


def shards_of(cache, images_of_job):
    """Input function: the shards of a cache, none where one job makes it all."""

    def paths(wildcards):
        names = PLAN.shards_of(
            wildcards, images_of_job, lambda: read_of(wildcards).get("images", 1)
        )
        return [f"{cache}.{name}.parquet" for name in names]

    return paths


def shards_of_new_images(wildcards):
    """The tables of the shards of new images, none where one job classifies all."""
    names = PLAN.shards_of_new_images(wildcards)
    return [f"{RESULTS}/applied/{{name}}/{shard}.csv" for shard in names]


def threads_of_cache(mb_per_thread):
    """Threads by the size of the input; one thread puts shards together."""
    by_size = threads_by_size(mb_per_thread)
    return lambda wildcards, input: (
        1 if input.get("shards") else by_size(wildcards, input)
    )


def shard_flags(wildcards, input):
    """Which shard a job makes, or of which ones it makes the whole."""
    shard, shards = wildcards.get("shard"), input.get("shards")
    if shard:
        return ["--shard", shard]
    return ["--shards", to_json(list(shards))] if shards else []


def named_images(labelled):
    """Regular expression for the names of new images with or without labels, in the files of their dataset alone."""
    return any_of(
        f"(?<=results/{dataset}/applied/){name}|(?<=reports/{dataset}-){name}"
        for dataset, name in APPLIED
        if (name in CONFIG.datasets[dataset].labelled) == labelled
    )


def costs_of(wildcards):
    return to_json(dataset_of(wildcards).cost_matrix)


def expected_shares_of(wildcards):
    dataset = dataset_of(wildcards)
    return to_json([dataset.expected_shares[name] for name in dataset.classes])


def handed_over(wildcards):
    """The model that a dataset hands over, which may be known only once models are compared."""
    model = dataset_of(wildcards).deploy.model
    if model != RECOMMENDED:
        return model
    record = checkpoints.recommend.get(dataset=wildcards.dataset).output[0]
    choice = json.loads(Path(record).read_text())["choice"]
    if choice is None:
        raise WorkflowError(
            f"{record}: no model can be recommended, so none is handed over; name one "
            f"(datasets.{wildcards.dataset}.deploy: {{model: ..}}), or set deploy: false"
        )
    return choice


TEMPLATES = sorted(
    str(path) for path in Path(sections.__file__).parents[1].glob("templates/**/*.*")
)
CARD = sorted(
    str(path) for path in Path(deployment.__file__).parent.glob("templates/*")
)
