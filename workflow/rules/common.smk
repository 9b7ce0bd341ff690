# Shared by the rules of all stages (the checked configuration, wildcards, input functions, what jobs need).

import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from gradewise.config import ConfigError, load, to_json
from gradewise.images.state import files_state
from gradewise.provenance import code_version
from gradewise.views.geometry import minimum_side

try:
    CONFIG = load(config)
except ConfigError as error:
    raise WorkflowError(str(error))

RESULTS = "results/{dataset}"
# what depends on the splits: of the dataset's own where `variant` is empty, of others derived from them elsewhere
VARIANT = "results/{dataset}{variant}"
RUN = f"{VARIANT}/models/{{model}}/{{repeat}}"


def variant_named(name):
    """Value of the wildcard `variant`: the variant's folder below the dataset's, after its slash."""
    return os.sep.join(["", "variants", name])


CARELESS = variant_named("careless")


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
    variant=r"(/variants/[a-z0-9-]+)?",


def dataset_of(wildcards):
    return CONFIG.datasets[wildcards.dataset]


def classes_of(wildcards):
    return to_json(dataset_of(wildcards).classes)


def costs_of(wildcards):
    return to_json(dataset_of(wildcards).cost_matrix)


def view_of(wildcards):
    return CONFIG.models[wildcards.model].view


def repeats_of(wildcards):
    return range(dataset_of(wildcards).evaluation.runs)


def variant_of(wildcards):
    """Which splits a job goes by: empty for the dataset's own, which is all that some rules know."""
    return wildcards.get("variant", "")


def compared_models(wildcards):
    """Models that are fitted on a dataset's splits, or on the variant of them that a job goes by."""
    dataset, variant = dataset_of(wildcards), variant_of(wildcards)
    if not variant:
        return dataset.models
    return dataset.leak_models if variant == CARELESS else dataset.curve_models


def of_all_runs(file):
    """Input function: a file of every run of a dataset, models in the order of the configuration."""

    def paths(wildcards):
        return expand(
            f"{RUN}/{file}",
            dataset=wildcards.dataset,
            variant=variant_of(wildcards),
            model=compared_models(wildcards),
            repeat=repeats_of(wildcards),
        )

    return paths


def of_members(file):
    """Input function: a file of every run that a blend is made of."""

    def paths(wildcards):
        blend = CONFIG.models[wildcards.model]
        over = repeats_of(wildcards) if blend.over == "repeats" else [wildcards.repeat]
        return expand(
            f"{RUN}/{file}",
            dataset=wildcards.dataset,
            variant=variant_of(wildcards),
            model=blend.members,
            repeat=over,
        )

    return paths


def source_of(wildcards):
    """Where a dataset's images are; they must be large enough for every view that its models use."""
    dataset = dataset_of(wildcards)
    views = {model.view for model in CONFIG.fitted(wildcards.dataset).values()}
    side = max(minimum_side(CONFIG.views[view]) for view in views)
    return dataset.source(
        simulated=f"results/{wildcards.dataset}/simulated", min_side=side
    )


def manifest_input(wildcards):
    """Label tables and folders; for simulated images what `simulate` makes."""
    if dataset_of(wildcards).simulate is not None:
        return {"simulated": f"results/{wildcards.dataset}/simulated"}
    source = source_of(wildcards)
    tables = source.tables or ()
    folders = [source.images, source.masks, *(table.images for table in tables)]
    return {
        "tables": [table.csv for table in tables],
        "folders": sorted({folder for folder in folders if folder}),
    }


def manifest_state(wildcards):
    """Names, sizes and times of the files, since a folder's own time says nothing of what lies deeper."""
    return files_state(manifest_input(wildcards).get("folders", []))


def tile_labels_of(wildcards):
    """Flags that make masks decide the labels of tiles, where the dataset asks for it."""
    dataset = dataset_of(wildcards)
    if dataset.labels_from == "images":
        return []
    return [
        "--positive",
        dataset.positive,
        "--mask_fraction",
        str(dataset.mask_fraction),
    ]


def largest_components(wildcards):
    """Principal components that the models of a view ask for at most; smaller numbers are the first of them."""
    return max(
        settings.components
        for model in CONFIG.fitted(wildcards.dataset).values()
        if model.family == "pca_svm" and model.view == wildcards.view
        for settings in model.candidates
    )


def candidates_of(wildcards):
    return to_json(CONFIG.models[wildcards.model].candidates)


def samples_of(wildcards):
    return f"{RESULTS}/views/{view_of(wildcards)}.parquet"


def components_of(wildcards):
    return f"{VARIANT}/pca/{view_of(wildcards)}/{{repeat}}/pca.safetensors"


def scores_of(wildcards):
    return f"{VARIANT}/pca/{view_of(wildcards)}/{{repeat}}/features.parquet"


def share_variants(wildcards):
    """Variants with shares of the training groups, smallest first."""
    return [variant_named(name) for name in reversed(dataset_of(wildcards).share_names)]


def shares_down_to(wildcards):
    """Shares of the training groups that are drawn one within the other to make a variant; none for other variants."""
    shares = dataset_of(wildcards).share_names
    name = wildcards.variant.removeprefix(variant_named(""))
    if wildcards.variant == CARELESS:
        return []
    if name not in shares:
        raise WorkflowError(
            f"no variant {name!r} of dataset {wildcards.dataset!r}; there are careless, {', '.join(shares)}"
        )
    return [share for share in shares.values() if share >= shares[name]]


def verdicts_of_shares(wildcards):
    return expand(
        f"{VARIANT}/verdicts.parquet",
        dataset=wildcards.dataset,
        variant=[*share_variants(wildcards), ""],
    )


def further_evidence(wildcards):
    """What a report shows where the configuration asks for it."""
    dataset = dataset_of(wildcards)
    found = {}
    if dataset.leak_models:
        found["leaks"] = f"{RESULTS}/leaks.parquet"
    if dataset.curve_models:
        found["curves"] = f"{RESULTS}/learning_curve.parquet"
        found["extrapolations"] = f"{RESULTS}/extrapolations.parquet"
    return found


def further_flags(wildcards, input):
    return [
        part
        for name in further_evidence(wildcards)
        for part in (f"--{name}", input[name])
    ]


TEMPLATES = [
    workflow.source_path(f"../src/gradewise/report/templates/{name}")
    for name in ("base.html", "blocks.html", "index.html", "report.html", "style.css")
]


def views_of(wildcards):
    """Caches of the views that a dataset's models use."""
    views = {model.view for model in CONFIG.fitted(wildcards.dataset).values()}
    return expand(
        f"{RESULTS}/views/{{view}}.parquet",
        dataset=wildcards.dataset,
        view=sorted(views),
    )


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


def forest_memory(wildcards, input, attempt):
    """Pixels of the training rows as 32-bit numbers, eight rows a sample where they are rotated and flipped."""
    turned = any(
        settings.augment == "d4"
        for settings in CONFIG.models[wildcards.model].candidates
    )
    return memory(1200, 40 if turned else 6)(wildcards, input, attempt)


def one_gpu(wildcards, input, attempt):
    """A network trains on one GPU where there is any; profiles say what a GPU is called, or that there is none."""
    return 1


def minutes(base, per_gb):
    """Time of a job that takes `per_gb` minutes more for each GB of input."""

    def runtime(wildcards, input, attempt):
        return int((base + per_gb * input.size_mb / 1000) * attempt)

    return runtime
