# Shared by the rules of all stages (the checked configuration, wildcards, input functions, what jobs need).

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


def source_of(wildcards):
    """Where a dataset's images are; they must be large enough for every view that its models use."""
    dataset = dataset_of(wildcards)
    views = {CONFIG.models[model].view for model in dataset.models}
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
        for model in dataset_of(wildcards).models
        if CONFIG.models[model].family == "pca_svm"
        and CONFIG.models[model].view == wildcards.view
        for settings in CONFIG.models[model].candidates
    )


def candidates_of(wildcards):
    return to_json(CONFIG.models[wildcards.model].candidates)


def samples_of(wildcards):
    return f"{RESULTS}/views/{view_of(wildcards)}.parquet"


def components_of(wildcards):
    return f"{RESULTS}/pca/{view_of(wildcards)}/{{repeat}}/pca.safetensors"


def scores_of(wildcards):
    return f"{RESULTS}/pca/{view_of(wildcards)}/{{repeat}}/features.parquet"


TEMPLATES = [
    workflow.source_path(f"../src/gradewise/report/templates/{name}")
    for name in ("base.html", "blocks.html", "index.html", "report.html", "style.css")
]


def views_of(wildcards):
    """Caches of the views that a dataset's models use."""
    views = {CONFIG.models[model].view for model in dataset_of(wildcards).models}
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


def one_gpu(wildcards, input, attempt):
    """A network trains on one GPU where there is any; profiles say what a GPU is called, or that there is none."""
    return 1


def minutes(base, per_gb):
    """Time of a job that takes `per_gb` minutes more for each GB of input."""

    def runtime(wildcards, input, attempt):
        return int((base + per_gb * input.size_mb / 1000) * attempt)

    return runtime
