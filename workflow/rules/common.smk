# Shared by the rules of all stages: the checked configuration, what the rules ask of it, and wildcards.

import json
from pathlib import Path

from snakemake.exceptions import WorkflowError

from gradewise.config.config import mentions_scales
from gradewise.config.faults import ConfigError
from gradewise.config.section import to_json
from gradewise.families import registry
from gradewise.plan import planned_runs
from gradewise.planning import (
    CARELESS,
    RESULTS,
    RUN,
    VARIANT,
    any_of,
    as_flags,
    variant_folder,
)
from gradewise.provenance import code_version
from gradewise.report import sections
from gradewise.resources import memory, minutes, threads_by_size
from gradewise.studies.config import load
from gradewise.studies.planning import StudiesPlan

try:
    SCALE = ["--scale", config.get("scale", "small")] if mentions_scales(config) else []
    CONFIG = load(config)
    PLAN = StudiesPlan(CONFIG)
except (ConfigError, registry.FamilyError) as error:
    raise WorkflowError(str(error))

# what the configuration was read from
CONFIGFILES = to_json(
    [str(path) for path in workflow.config_settings.configfiles] or ["config.yaml"]
)
OVERRIDES = to_json(workflow.config_settings.config)

STUDY = f"{RESULTS}/studies/{{study}}"
MODELS = PLAN.models
dataset_of = PLAN.dataset_of


wildcard_constraints:
    dataset=any_of(CONFIG.datasets),
    view=any_of(CONFIG.views),
    model=any_of(MODELS),
    study=any_of(CONFIG.studies),
    repeat=r"\d+",
    variant=r"(/variants/[a-z0-9-]+)?",


def classes_of(wildcards):
    return to_json(dataset_of(wildcards).classes)


def side_needed(wildcards):
    """Smallest side of images that the views of a dataset need, see `Plan.side_needed`."""
    sides = Path(f"results/{wildcards.dataset}/read/sides.json")
    if not sides.exists():
        # tells Snakemake to ask again once the images are read
        checkpoints.read_images.get(dataset=wildcards.dataset)
    smallest = json.loads(sides.read_text())["smallest"]
    return PLAN.side_needed(wildcards.dataset, smallest)


def costs_of(wildcards):
    return to_json(dataset_of(wildcards).cost_matrix)


def shown_samples(wildcards):
    """Caches of the views whose samples a dataset's studies show."""
    return [
        f"{RESULTS}/views/{view}.parquet"
        for view in sorted(PLAN.shown_views(wildcards.dataset))
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
        variant=[*PLAN.share_variants(wildcards), ""],
        model=dataset_of(wildcards).curve_models,
        repeat=range(dataset_of(wildcards).evaluation.runs),
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


TEMPLATES = sorted(
    str(path) for path in Path(sections.__file__).parents[1].glob("templates/**/*.*")
)


# Resources, as functions of the input and the attempt: a job killed for memory or time asks for more when retried.
# Memory is in MB, time in minutes.


def forest_memory(wildcards, input, attempt):
    """Pixels of the training rows as 32-bit numbers, several rows a sample where they are rotated and flipped."""
    settings = (
        [cell.model.candidates[0] for cell in CONFIG.cells(wildcards.study)]
        if "study" in wildcards.keys()
        else MODELS[wildcards.model].candidates
    )
    copies = max(one.siblings * (3 if one.select else 1) for one in settings)
    return memory(1200, 2 + 5 * copies)(wildcards, input, attempt)
