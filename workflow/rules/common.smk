# Shared by the rules of all stages (the checked configuration, wildcards, input functions, what jobs need).

import json
import os
from pathlib import Path

from snakemake.exceptions import WorkflowError

from gradewise.config import ConfigError, load, mentions_scales
from gradewise.config.section import to_json
from gradewise.images.state import files_state
from gradewise.plan import planned_runs
from gradewise.provenance import code_version

try:
    SCALE = ["--scale", config.get("scale", "small")] if mentions_scales(config) else []
    CONFIG = load(config)
except ConfigError as error:
    raise WorkflowError(str(error))

# what the configuration was read from; no params of a rule, so that the same configuration in another file changes nothing
CONFIGFILES = to_json(
    [str(path) for path in workflow.config_settings.configfiles] or ["config.yaml"]
)
OVERRIDES = to_json(workflow.config_settings.config)

RESULTS = "results/{dataset}"
# what depends on the splits: of the dataset's own where `variant` is empty, of others derived from them elsewhere
VARIANT = "results/{dataset}{variant}"
RUN = f"{VARIANT}/models/{{model}}/{{repeat}}"
STUDY = f"{RESULTS}/studies/{{study}}"

# models of the configuration by name, and those that studies make of them
MODELS = dict(CONFIG.models)
for _dataset in CONFIG.datasets:
    MODELS |= CONFIG.trained(_dataset)


def variant_named(name):
    """Value of the wildcard `variant`: the variant's folder below the dataset's, after its slash."""
    return os.sep.join(["", "variants", name])


CARELESS = variant_named("careless")


def any_of(names):
    """Regular expression of a wildcard that takes one of these names, or of one that takes none."""
    return "|".join(names) or "(?!)"


def models_of(family):
    return [name for name, model in MODELS.items() if model.family == family]


wildcard_constraints:
    dataset=any_of(CONFIG.datasets),
    view=any_of(CONFIG.views),
    model=any_of(MODELS),
    study=any_of(CONFIG.studies),
    repeat=r"\d+",
    variant=r"(/variants/[a-z0-9-]+)?",


def dataset_of(wildcards):
    return CONFIG.datasets[wildcards.dataset]


def classes_of(wildcards):
    return to_json(dataset_of(wildcards).classes)


def costs_of(wildcards):
    return to_json(dataset_of(wildcards).cost_matrix)


def view_of(wildcards):
    return MODELS[wildcards.model].view


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


def used_views(dataset):
    """Views that the models and studies of a dataset use."""
    trained = {model.view for model in CONFIG.trained(dataset).values()}
    return trained | shown_views(dataset)


def source_of(wildcards):
    return dataset_of(wildcards).source(
        simulated=f"results/{wildcards.dataset}/simulated"
    )


def side_needed(wildcards):
    """Smallest side that all views of a dataset can work with; 1 where no image is smaller, as nothing depends on it."""
    needed = max(
        CONFIG.views[view].minimum_side for view in used_views(wildcards.dataset)
    )
    sides = Path(f"results/{wildcards.dataset}/read/sides.json")
    if not sides.exists():
        # tells Snakemake to ask again once the images are read
        checkpoints.read_images.get(dataset=wildcards.dataset)
    smallest = json.loads(sides.read_text())["smallest"]
    return needed if smallest < needed else 1


def images_of(wildcards):
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


def images_state(wildcards):
    """Names, sizes and times of the files, since a folder's own time says nothing of what lies deeper."""
    return files_state(images_of(wildcards).get("folders", []))


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
        for model in CONFIG.trained(wildcards.dataset).values()
        if model.family == "pca_svm" and model.view == wildcards.view
        for settings in model.candidates
    )


def candidates_of(wildcards):
    return to_json(MODELS[wildcards.model].candidates)


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


def evidence_of(wildcards):
    """All that is known about a dataset; the steps that report on it find it below `--results`."""
    dataset = dataset_of(wildcards)
    names = ["manifest", "splits", "metrics", "comparisons", "verdicts", "calibration"]
    names += ["subgroups", "audit"]
    names += ["leaks"] if dataset.leak_models else []
    names += ["learning_curve", "extrapolations"] if dataset.curve_models else []
    views = {model.view for model in CONFIG.fitted(wildcards.dataset).values()}
    return {
        "plan": [f"{RESULTS}/plan/runs.json", f"{RESULTS}/plan/settings.json"],
        "tables": [f"{RESULTS}/{name}.parquet" for name in names],
        "recommendation": f"{RESULTS}/recommendation.json",
        "quarantine": f"{RESULTS}/quarantine.csv",
        "runs": of_all_runs("run.json")(wildcards),
        "predictions": of_all_runs("predictions.parquet")(wildcards),
        "views": [f"{RESULTS}/views/{view}.parquet" for view in sorted(views)],
    }


def blended_level(wildcards):
    """What a blend is made of: samples where its members are given the same ones."""
    members = CONFIG.models[wildcards.model].members
    return "sample" if CONFIG.cut_alike(members) else "image"


def decided_on(wildcards):
    """What models are compared on: verdicts on images, or the predictions of every run on samples."""
    if dataset_of(wildcards).deciding_level == "image":
        return {"verdicts": f"{RESULTS}/verdicts.parquet"}
    return {"predictions": of_all_runs("predictions.parquet")(wildcards)}


def shown_views(dataset):
    """Views that a dataset's models look through, and those whose samples a study shows."""
    shown = [
        getattr(study, "views", ()) for study in CONFIG.studies_of(dataset).values()
    ]
    return {model.view for model in CONFIG.fitted(dataset).values()}.union(*shown)


def shown_samples(wildcards):
    """Caches of the views whose samples a dataset's studies show."""
    return [
        f"{RESULTS}/views/{view}.parquet"
        for view in sorted(shown_views(wildcards.dataset))
    ]


def studies_page_of(wildcards):
    """Flag with the page on a dataset's studies, where it has any."""
    if not CONFIG.studies_of(wildcards.dataset):
        return []
    return ["--studies_page", f"reports/{wildcards.dataset}-studies.html"]


def study_of(wildcards):
    return CONFIG.studies[wildcards.study]


def studies_showing(show):
    return [name for name, study in CONFIG.studies.items() if study.show == show]


def studies_varying(family):
    """Studies that vary settings of a model of a family."""
    return [
        name
        for name in studies_showing("settings")
        if CONFIG.cells(name)[0].model.family == family
    ]


def study_repeats(wildcards):
    return range(study_of(wildcards).repeats or dataset_of(wildcards).evaluation.runs)


def cell_views(wildcards):
    return sorted({cell.model.view for cell in CONFIG.cells(wildcards.study)})


def samples_of_cells(wildcards):
    return expand(
        f"{RESULTS}/views/{{view}}.parquet",
        dataset=wildcards.dataset,
        view=cell_views(wildcards),
    )


def of_cell_views(file):
    """Input function: a file about the principal components of each view that a study's cells are of."""

    def paths(wildcards):
        return expand(
            f"{RESULTS}/pca/{{view}}/{{repeat}}/{file}",
            dataset=wildcards.dataset,
            repeat=wildcards.repeat,
            view=cell_views(wildcards),
        )

    return paths


def cells_of(wildcards):
    """The cells of a classical study with their settings, for the step that fits them."""
    return to_json(
        [
            {
                "name": cell.name,
                "view": cell.model.view,
                "settings": cell.model.candidates[0],
            }
            for cell in CONFIG.cells(wildcards.study)
        ]
    )


def named_cells_of(wildcards):
    """The cells of a study with what varies between them."""
    return to_json(
        [
            {"name": cell.name, "run": cell.run, "settings": cell.varied}
            for cell in CONFIG.cells(wildcards.study)
        ]
    )


def results_of_cells(wildcards):
    """What was found of a study's cells: a run of each for networks, else a table of all a repeat."""
    cells = CONFIG.cells(wildcards.study)
    if cells[0].model.family == "cnn":
        folders = expand(
            RUN,
            dataset=wildcards.dataset,
            variant="",
            model=[cell.run for cell in cells],
            repeat=study_repeats(wildcards),
        )
        files = {"predictions": "predictions.parquet", "runs": "run.json"}
    else:
        folders = expand(
            f"{STUDY}/{{repeat}}",
            dataset=wildcards.dataset,
            study=wildcards.study,
            repeat=study_repeats(wildcards),
        )
        files = {"answers": "answers.parquet", "measures": "measures.parquet"}
        if cells[0].model.family == "forest":
            files["hits"] = "hits.parquet"
    return {
        name: [f"{folder}/{file}" for folder in folders] for name, file in files.items()
    }


def flags_of_cells(wildcards, input):
    return [
        part
        for name in results_of_cells(wildcards)
        for part in (f"--{name}", to_json(list(input[name])))
    ]


def run_shown(file):
    """Input function: a file of the run whose model a study looks into, that of the first repeat."""

    def path(wildcards):
        model = study_of(wildcards).model
        return f"results/{wildcards.dataset}/models/{model}/0/{file}"

    return path


def samples_shown(wildcards):
    return f"{RESULTS}/views/{MODELS[study_of(wildcards).model].view}.parquet"


def features_shown(wildcards):
    view = MODELS[study_of(wildcards).model].view
    return f"{RESULTS}/pca/{view}/0/features.parquet"


def objects_of(wildcards):
    """Flag with the folder of masks of the object, where there is one."""
    simulation = dataset_of(wildcards).simulate
    folder = study_of(wildcards).objects
    if folder is None and simulation is not None and simulation.kind == "mangoes":
        folder = f"results/{wildcards.dataset}/simulated/objects"
    return [] if folder is None else ["--objects", folder]


def runs_of_all_sizes(wildcards):
    """Records of the runs of the learning curve, on the shares of the training groups and on all of them."""
    return expand(
        f"{RUN}/run.json",
        dataset=wildcards.dataset,
        variant=[*share_variants(wildcards), ""],
        model=dataset_of(wildcards).curve_models,
        repeat=repeats_of(wildcards),
    )


STEP_OF_STUDY = {
    "settings": "summarise",
    "feature_maps": "feature_maps",
    "explanations": "explain",
    "embedding": "embed",
    "scaling": "scaling",
}


def study_results(wildcards):
    """What the steps of a dataset's studies write; studies without a step are drawn from the runs."""
    return [
        file
        for name, study in CONFIG.studies_of(wildcards.dataset).items()
        if study.show in STEP_OF_STUDY
        for file in expand(
            getattr(rules, STEP_OF_STUDY[study.show]).output,
            dataset=wildcards.dataset,
            study=name,
        )
    ]


def model_files_shown(wildcards):
    """Files of the models that studies look into when their page is made: components, forests."""
    files = {
        "components": ["pca.safetensors"],
        "trees": ["forest.skops", "model.json"],
    }
    return [
        f"results/{wildcards.dataset}/models/{study.model}/0/{file}"
        for study in CONFIG.studies_of(wildcards.dataset).values()
        for file in files.get(study.show, [])
    ]


def all_cells_of(wildcards):
    """The cells of a dataset's studies, for their page."""
    return to_json(
        {
            name: [
                {
                    "name": cell.name,
                    "family": cell.model.family,
                    "view": cell.model.view,
                    "operations": CONFIG.views[cell.model.view],
                    "published": cell.published,
                }
                for cell in CONFIG.cells(name)
            ]
            for name, study in CONFIG.studies_of(wildcards.dataset).items()
            if study.show == "settings"
        }
    )


def varied_models_of(wildcards):
    """Family, view and settings of the models that a dataset's studies vary, for their page."""
    names = {
        study.model
        for study in CONFIG.studies_of(wildcards.dataset).values()
        if study.show == "settings"
    }
    return to_json(
        {
            name: {
                "family": CONFIG.models[name].family,
                "view": CONFIG.models[name].view,
                **CONFIG.models[name].candidates[0].model_dump(exclude_unset=True),
            }
            for name in sorted(names)
        }
    )


TEMPLATES = [
    workflow.source_path(f"../src/gradewise/report/templates/{name}")
    for name in ("base.html", "blocks.html", "index.html", "report.html", "style.css")
]


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
    """Pixels of the training rows as 32-bit numbers, several rows a sample where they are rotated and flipped."""
    settings = (
        [cell.model.candidates[0] for cell in CONFIG.cells(wildcards.study)]
        if "study" in wildcards.keys()
        else MODELS[wildcards.model].candidates
    )
    copies = max(one.siblings * (3 if one.select else 1) for one in settings)
    return memory(1200, 2 + 5 * copies)(wildcards, input, attempt)


def one_gpu(wildcards, input, attempt):
    """A network trains on one GPU where there is any; profiles say what a GPU is called, or that there is none."""
    return 1


def minutes(base, per_gb):
    """Time of a job that takes `per_gb` minutes more for each GB of input."""

    def runtime(wildcards, input, attempt):
        return int((base + per_gb * input.size_mb / 1000) * attempt)

    return runtime
