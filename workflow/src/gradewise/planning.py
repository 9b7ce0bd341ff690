"""What the rules take from the configuration: the inputs, parameters and resources of their jobs.

Methods take Snakemake's wildcards, some also the job's input, so that rules can use them directly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from gradewise.config.backbones import NamedBackbone
from gradewise.config.choosing import ChooseBy, most_fits
from gradewise.config.config import Config
from gradewise.config.datasets import Dataset
from gradewise.config.deployment import Deploy, LabelledImages
from gradewise.config.models import BlendModel, FittedModel
from gradewise.config.section import to_json
from gradewise.config.sources import Source
from gradewise.families import registry
from gradewise.images.budget import BYTES_PER_PIXEL, megapixels_in_flight
from gradewise.images.state import count_files, files_state
from gradewise.resources import InputFiles, Requests, Resources
from gradewise.results import features_name
from gradewise.views.shards import shard_names

RESULTS = "results/{dataset}"
VARIANT = "results/{dataset}{variant}"
"""The folder of results on the dataset's splits (`variant` empty) or on a variant of them."""
RUN = f"{VARIANT}/models/{{model}}/{{repeat}}"

CARELESS = "careless"
"""The variant of the leak test, whose splits ignore groups."""

DEPLOYED = "deployed"
"""The variant whose models are handed over: they learn from all images."""


READING_MB, READING_KB_PER_IMAGE = 1300, 12
"""Memory for reading images beside decoding, most of which the search for copies takes: in any case, and per image."""

EXTRACT_MB, EXTRACT_MB_PER_MB = 1500, 8
"""Memory for computing features: in any case, and per MB of the backbone's weights."""

EXTRACT_MINUTES, EXTRACT_MINUTES_PER_GB = 20, 240
"""Time for computing features: in any case, and per GB of samples."""

LOCATING_MB = 2000
"""Memory for drawing maps beside decoding: mostly the layers of a network for a large part of an image."""

VIEW_MB, VIEW_MB_PER_MB = 500, 20
"""Memory for cutting samples beside decoding: in any case, and per MB of the manifest."""

CLASSIFY_MINUTES, CLASSIFY_MINUTES_PER_1000 = 30, 20
"""Time for classifying new images: in any case, and per 1,000 images."""

IMAGES_OF_VIEW, IMAGES_OF_FEATURES, IMAGES_OF_CLASSIFY = 20_000, 2_000, 5_000
"""Images of one job that cuts samples, of one that computes features, and of one that classifies new images; each takes
some minutes."""

MOST_SHARDS = 500
"""So that jobs are planned in seconds, and the names of all shards fit into a command."""


class Wildcards(Protocol):
    """The wildcards of a job."""

    dataset: str
    view: str
    model: str
    repeat: str
    variant: str
    name: str
    backbone: str

    def get(self, name: str, default: str) -> str:
        """A wildcard that not every rule has."""
        ...


@dataclass(frozen=True)
class NewFolder:
    """A folder of new images as it is while jobs are planned.

    Attributes
    ----------
    path : str
    files : int
        How many there are.
    state : str
        See `files_state`.
    """

    path: str
    files: int
    state: str


@cache
def _look_at(folder: str) -> NewFolder:
    # once, since the job of each shard asks, and there may be a million files
    return NewFolder(folder, count_files([folder]), files_state([folder]))


def variant_folder(name: str) -> str:
    """Value of the wildcard `variant`: a slash and the folder below the dataset's; empty without a variant."""
    return f"/variants/{name}" if name else ""


class Plan:
    """Answers the questions that rules ask about the configuration.

    Attributes
    ----------
    config : Config
    training : Requests
        Of the rules that train.
    models : dict
        All models by name, including those that extensions train.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.training = Requests(self.resources_of)
        self.models: dict[str, FittedModel | BlendModel] = dict(config.models)
        for dataset in config.datasets:
            self.models |= config.trained(dataset)

    def families(self) -> list[str]:
        """Families in use, in the order of the registry."""
        used = {model.family for model in self.models.values()}
        return [name for name in registry.names() if name in used]

    def models_of(self, family: str) -> list[str]:
        """Names of the models of a family."""
        return [name for name, model in self.models.items() if model.family == family]

    def dataset_of(self, wildcards: Wildcards) -> Dataset:
        """The dataset's section."""
        return self.config.datasets[wildcards.dataset]

    def fitted_of(self, wildcards: Wildcards) -> FittedModel:
        """The section of a model other than a blend."""
        model = self.models[wildcards.model]
        assert isinstance(model, FittedModel), "rules that train take no blends"
        return model

    def blend_of(self, wildcards: Wildcards) -> BlendModel:
        """The section of a blend."""
        model = self.models[wildcards.model]
        assert isinstance(model, BlendModel), "the rule blend takes nothing else"
        return model

    def source_of(self, wildcards: Wildcards) -> Source:
        """Where a dataset's images are."""
        return self.dataset_of(wildcards).source(simulated=f"results/{wildcards.dataset}/simulated")

    def views_need(self, wildcards: Wildcards) -> int:
        """The smallest side of an image that all views of a dataset can work with [px]."""
        return max(self.config.views[view].minimum_side for view in self.used_views(wildcards.dataset))

    def side_needed(self, wildcards: Wildcards, smallest: int) -> int:
        """As `views_need`, but 1 where no image is smaller.

        Parameters
        ----------
        wildcards : Wildcards
        smallest : int
            The smallest side of any image.
        """
        needed = self.views_need(wildcards)
        return needed if smallest < needed else 1

    def images_of(self, wildcards: Wildcards) -> dict[str, Any]:
        """Label tables, corrections and folders; for simulated images, the folder that `simulate` writes."""
        source = self.source_of(wildcards)
        corrections = {} if source.corrections is None else {"corrections": source.corrections}
        if self.dataset_of(wildcards).simulate is not None:
            return {"simulated": f"results/{wildcards.dataset}/simulated", **corrections}
        tables = source.tables or ()
        folders = {source.images, source.masks, *(table.images for table in tables)} - {None, ""}
        return {
            "tables": [table.csv for table in tables if table.csv],
            "folders": sorted(map(str, folders)),
            **corrections,
        }

    def images_state(self, wildcards: Wildcards) -> str:
        """State of all files; a folder's own modification time says nothing about files deeper down."""
        return files_state(self.images_of(wildcards).get("folders", []))

    def memory_to_read(self, wildcards: Wildcards, threads: int, attempt: int) -> int:
        """Memory for reading the images of a dataset [MB]: by how many files there are and the largest allowed."""
        dataset = self.dataset_of(wildcards)
        images, largest = 0, dataset.max_megapixels
        if dataset.simulate is not None:
            images, largest = dataset.simulate.images, dataset.simulate.side**2 / 1e6
        folders = [dataset.images, *(table.images for table in dataset.tables or ())]
        images += count_files(sorted({folder for folder in folders if folder}))
        decoding = BYTES_PER_PIXEL * megapixels_in_flight(threads, largest)
        return int((READING_MB + READING_KB_PER_IMAGE / 1000 * images + decoding) * attempt)

    def new_images_of(self, wildcards: Wildcards) -> LabelledImages:
        """The labelled new images that the wildcard `name` names."""
        return self.dataset_of(wildcards).labelled[wildcards.name]

    def new_folder(self, wildcards: Wildcards) -> NewFolder:
        """The folder of new images without labels that the wildcard `name` names."""
        folder = self.dataset_of(wildcards).apply[wildcards.name]
        assert isinstance(folder, str), "labelled images are read and tested by the rule external"
        return _look_at(folder)

    def memory_to_read_new(self, wildcards: Wildcards, threads: int, attempt: int) -> int:
        """Memory for reading labelled new images and comparing them with the dataset's [MB]."""
        new = READING_KB_PER_IMAGE / 1000 * count_files(self.new_images_of(wildcards).folders)
        return self.memory_to_read(wildcards, threads, attempt) + int(new * attempt)

    def shards_of(self, wildcards: Wildcards, images_of_job: int, images: Callable[[], int]) -> list[str]:
        """Shards of a dataset, which jobs work on side by side; none where one job does all.

        Parameters
        ----------
        wildcards : Wildcards
        images_of_job : int
            For how many images there is a job, unless the configuration says how many jobs there are.
        images : callable
            Tells how many images the dataset has; asked only where this matters.
        """
        return _shards(self.dataset_of(wildcards).shards or -(-images() // images_of_job))

    def shards_of_new_images(self, wildcards: Wildcards) -> list[str]:
        """Shards of a folder of new images; none where one job classifies all."""
        return _shards(-(-self.new_folder(wildcards).files // IMAGES_OF_CLASSIFY))

    def memory_to_view(self, wildcards: Wildcards, input: InputFiles, threads: int, attempt: int) -> int:
        """Memory for cutting samples [MB]: by the largest image, of which a thread may hold two."""
        if input.get("shards", ()):
            return VIEW_MB * attempt
        sides = Path(f"results/{wildcards.dataset}/read/sides.json")
        # in a dry run the images may not have been read
        read = json.loads(sides.read_text()) if sides.exists() else {}
        largest = read.get("megapixels", self.dataset_of(wildcards).max_megapixels)
        decoding = BYTES_PER_PIXEL * megapixels_in_flight(2 * threads, largest)
        return int((VIEW_MB + VIEW_MB_PER_MB * input.size_mb + decoding) * attempt)

    def memory_to_evaluate(self, wildcards: Wildcards, input: InputFiles, attempt: int) -> int:
        """Memory for measuring all runs [MB].

        Beside the predictions there are arrays by group and class, of one model in each repeat and over all repeats.
        They have no more cells than a run has probabilities.
        """
        of_model = input.size_mb / len(self.compared_models(wildcards))
        of_run = of_model / self.dataset_of(wildcards).evaluation.runs
        return int((800 + 5 * input.size_mb + 6 * of_model + 30 * of_run) * attempt)

    def tile_labels_of(self, wildcards: Wildcards) -> list[str]:
        """Flags for labelling tiles by their masks, if the dataset uses them."""
        dataset = self.dataset_of(wildcards)
        if dataset.labels_from == "images":
            return []
        return [f"--positive={dataset.positive}", "--mask_fraction", str(dataset.mask_fraction)]

    def views_to_make(self, wildcards: Wildcards) -> str:
        """The views that the models of a dataset use, as JSON."""
        return to_json([self.config.views[name] for name in sorted(self.used_views(wildcards.dataset))])

    def used_views(self, dataset: str) -> set[str]:
        """Views that the models of a dataset use."""
        return {model.view for model in self.config.trained(dataset).values()}

    def view_of(self, wildcards: Wildcards) -> str:
        """The view of a model."""
        return self.fitted_of(wildcards).view

    def samples_of(self, wildcards: Wildcards) -> str:
        """The cache of a model's view, or the features that a backbone made of it."""
        return f"{RESULTS}/views/{self.fitted_of(wildcards).samples}.parquet"

    def backbone_of(self, wildcards: Wildcards) -> dict[str, str]:
        """The file of a model's backbone by flag: what made its features, or the weights that it starts from."""
        model = self.fitted_of(wildcards)
        if model.backbone is None:
            return {}
        if model.on_features:
            return {"backbone": f"{RESULTS}/views/{model.samples}.safetensors"}
        return {"weights": str(self.config.backbones[model.backbone].file())}

    def pretrained_of(self, wildcards: Wildcards) -> list[str]:
        """Flag with the backbone whose weights a model starts from, if it does."""
        model = self.fitted_of(wildcards)
        if model.backbone is None or model.on_features:
            return []
        return [
            "--pretrained",
            to_json(NamedBackbone(name=model.backbone, section=self.config.backbones[model.backbone])),
        ]

    def positive_of(self, wildcards: Wildcards) -> list[str]:
        """Flag with the class that is not normal, for a family that learns from one class."""
        positive = self.dataset_of(wildcards).positive
        one_class = registry.family(self.fitted_of(wildcards).family).one_class
        return [f"--positive={positive}"] if one_class and positive is not None else []

    def train_only_of(self, wildcards: Wildcards) -> list[str]:
        """Flag with the class that alone is trained on, if the dataset says so."""
        normal = self.dataset_of(wildcards).evaluation.train_only
        return [] if normal is None else [f"--train_only={normal}"]

    def fine_tuning_of(self, wildcards: Wildcards) -> list[str]:
        """The module that fits a model, where it starts from a backbone and has code of its own."""
        model = self.fitted_of(wildcards)
        module = registry.family(model.family).fine_tuning_module
        return [module] if model.fine_tunes and module is not None else []

    def memory_to_extract(self, wildcards: Wildcards, attempt: int) -> int:
        """Memory for computing features [MB]: by the size of the backbone's file."""
        weights = self.config.backbones[wildcards.backbone].file().stat().st_size / 1e6
        return int((EXTRACT_MB + EXTRACT_MB_PER_MB * weights) * attempt)

    def minutes_to_extract(self, wildcards: Wildcards, input: InputFiles, attempt: int) -> int:
        """Time for computing features of all samples of a view, or of a shard of them [min]."""
        gigabytes = input.size_mb / 1000 * _share(wildcards, input)
        return int((EXTRACT_MINUTES + EXTRACT_MINUTES_PER_GB * gigabytes) * attempt)

    def minutes_to_classify(self, wildcards: Wildcards, input: InputFiles, attempt: int) -> int:
        """Time for classifying all new images of a name, or a shard of them [min]."""
        thousands = self.new_folder(wildcards).files / 1000 * _share(wildcards, input)
        return int((CLASSIFY_MINUTES + CLASSIFY_MINUTES_PER_1000 * thousands) * attempt)

    def caches(self) -> list[str]:
        """Names of all caches that models may learn from: views, and views with backbones."""
        return [
            *self.config.views,
            *(features_name(view, name) for view in self.config.views for name in self.config.backbones),
        ]

    def candidates_of(self, wildcards: Wildcards) -> str:
        """Candidate settings of a model, as JSON."""
        return to_json(self.fitted_of(wildcards).candidates)

    def choose_by(self, wildcards: Wildcards) -> ChooseBy | None:
        """By what a model chooses among candidate settings; None where it has a single one."""
        several = len(self.fitted_of(wildcards).candidates) > 1
        return self.dataset_of(wildcards).choose_by if several else None

    def largest_components(self, wildcards: Wildcards) -> int:
        """Largest number of principal components that a model of a view needs; the others use the first ones."""
        return max(
            count
            for model in self.config.trained(wildcards.dataset).values()
            if model.samples == wildcards.view
            for count in _components(model)
        )

    def components_of(self, wildcards: Wildcards) -> dict[str, str]:
        """Files with the principal components of a model's view by flag, if its family uses them."""
        model = self.fitted_of(wildcards)
        if not _components(model):
            return {}
        folder = f"{VARIANT}/pca/{model.samples}/{{repeat}}"
        return {"features": f"{folder}/features.parquet", "pca": f"{folder}/pca.safetensors"}

    def resources_of(self, wildcards: Wildcards) -> Resources:
        """Resources for training a model, with the time that it may take to choose among its candidate settings."""
        candidates = self.fitted_of(wildcards).candidates
        family = registry.family(self.fitted_of(wildcards).family)
        return family.resources(candidates).repeated(most_fits(len(candidates)))

    def uses_gpu(self, family: str) -> bool:
        """Whether any model of a family uses a GPU."""
        kind = registry.family(family)
        trained = [self.models[name] for name in self.models_of(family)]
        return any(kind.resources(model.candidates).gpus for model in trained if isinstance(model, FittedModel))

    def results_of(self, wildcards: Wildcards) -> str:
        """The folder of a dataset's results, or of the job's variant."""
        return f"results/{wildcards.dataset}{wildcards.get('variant', '')}"

    def compared_models(self, wildcards: Wildcards) -> tuple[str, ...]:
        """Models that are fitted on a dataset's splits, or on the job's variant of them."""
        dataset, variant = self.dataset_of(wildcards), wildcards.get("variant", "")
        if not variant:
            return dataset.models
        return dataset.leak_models if variant == variant_folder(CARELESS) else dataset.curve_models

    def of_all_runs(self, file: str) -> Callable[[Wildcards], list[str]]:
        """Input function: one file from every run of a dataset, models in the order of the configuration."""

        def paths(wildcards: Wildcards) -> list[str]:
            return [
                f"{self.results_of(wildcards)}/models/{model}/{repeat}/{file}"
                for model in self.compared_models(wildcards)
                for repeat in range(self.dataset_of(wildcards).evaluation.runs)
            ]

        return paths

    def of_members(self, file: str) -> Callable[[Wildcards], list[str]]:
        """Input function: one file from every run that is part of a blend."""

        def paths(wildcards: Wildcards) -> list[str]:
            blend = self.blend_of(wildcards)
            repeats: Iterable[int | str] = range(self.dataset_of(wildcards).evaluation.runs)
            return [
                f"{self.results_of(wildcards)}/models/{member}/{repeat}/{file}"
                for member in blend.members
                for repeat in (repeats if blend.over == "repeats" else [wildcards.repeat])
            ]

        return paths

    def blended_level(self, wildcards: Wildcards) -> str:
        """What a blend averages: samples if its members share them, otherwise images."""
        return "sample" if self.config.cut_alike(self.blend_of(wildcards).members) else "image"

    def decided_on(self, wildcards: Wildcards) -> dict[str, str | list[str]]:
        """What models are compared on: verdicts on images, or every run's predictions on samples."""
        if self.dataset_of(wildcards).deciding_level == "image":
            return {"verdicts": f"{RESULTS}/verdicts.parquet"}
        return {"predictions": self.of_all_runs("predictions.parquet")(wildcards)}

    def share_variants(self, wildcards: Wildcards) -> list[str]:
        """Variants that keep shares of the training groups, smallest first."""
        return [variant_folder(name) for name in reversed(self.dataset_of(wildcards).share_names)]

    def shares_down_to(self, wildcards: Wildcards) -> list[float]:
        """Nested shares of the training groups that lead to a variant; empty for the careless one.

        Raises
        ------
        ValueError
            If the dataset has no such variant.
        """
        shares = self.dataset_of(wildcards).share_names
        name = wildcards.variant.rpartition("/")[2]
        if name == CARELESS:
            return []
        if name not in shares:
            raise ValueError(
                f"dataset {wildcards.dataset!r} has no variant {name!r}; its variants: careless, {', '.join(shares)}"
            )
        return [share for share in shares.values() if share >= shares[name]]

    def verdicts_of_shares(self, wildcards: Wildcards) -> list[str]:
        """Verdicts on the shares of the training groups and on all of them."""
        return [
            f"results/{wildcards.dataset}{variant}/verdicts.parquet"
            for variant in (*self.share_variants(wildcards), "")
        ]

    def deployed_runs(self, wildcards: Wildcards, model: str) -> list[str]:
        """Folders of the runs that are handed over when a model is, those of its members if it is a blend."""
        variant = variant_folder(DEPLOYED) if self._deployment(wildcards).fit_on == "all" else ""
        return [f"results/{wildcards.dataset}{variant}/{run}" for run in self._runs_of(wildcards, model)]

    def tested_runs(self, wildcards: Wildcards, model: str) -> list[str]:
        """Folders of the runs of the first repeat of a model, those of its members if it is a blend."""
        return [f"results/{wildcards.dataset}/{run}" for run in self._runs_of(wildcards, model)]

    def deployed_repeats(self, wildcards: Wildcards) -> int:
        """How often the dataset's models may be fitted on all images: a blend over repeats has a model for each."""
        models = (self.models[name] for name in self.dataset_of(wildcards).models)
        over_repeats = any(isinstance(model, BlendModel) and model.over == "repeats" for model in models)
        return self.dataset_of(wildcards).evaluation.runs if over_repeats else 1

    def files_of_run(self, run: str) -> list[str]:
        """The files that prediction needs of a run in a folder `.../models/<model>/<repeat>`."""
        name = run.split("/")[-2]
        model = self.models[name]
        return [f"{run}/{file}" for file in (*registry.family(model.family).files, "model.sha256", "run.json")]

    def _deployment(self, wildcards: Wildcards) -> Deploy:
        deploy = self.dataset_of(wildcards).deploy
        assert deploy, "rules that hand over a model are not asked for where deploy is false"
        return deploy

    def _runs_of(self, wildcards: Wildcards, name: str) -> list[str]:
        model = self.models[name]
        if not isinstance(model, BlendModel):
            return [f"models/{name}/0"]
        repeats = range(self.dataset_of(wildcards).evaluation.runs if model.over == "repeats" else 1)
        return [f"models/{member}/{repeat}" for member in model.members for repeat in repeats]

    def localised(self, wildcards: Wildcards) -> list[str]:
        """Models of a dataset whose maps are drawn."""
        return list(self.config.localised(wildcards.dataset))

    def files_to_locate(self, wildcards: Wildcards) -> list[str]:
        """The files of the run whose maps are drawn."""
        return self.files_of_run(f"results/{wildcards.dataset}/models/{wildcards.model}/{wildcards.repeat}")

    def files_to_attribute(self, wildcards: Wildcards) -> list[str]:
        """The files of all runs of each model that may be recommended, members of blends among them."""
        return [
            file
            for model in self.config.fitted(wildcards.dataset)
            for repeat in range(self.dataset_of(wildcards).evaluation.runs)
            for run in [f"results/{wildcards.dataset}/models/{model}/{repeat}"]
            for file in (*self.files_of_run(run), f"{run}/predictions.parquet")
        ]

    def maps_of(self, wildcards: Wildcards) -> list[str]:
        """The maps of all models and repeats."""
        return [
            f"{RESULTS}/localisation/{model}/{repeat}.parquet"
            for model in self.localised(wildcards)
            for repeat in range(self.dataset_of(wildcards).evaluation.runs)
        ]

    def memory_to_locate(self, wildcards: Wildcards, input: InputFiles, attempt: int) -> int:
        """Memory for maps of images [MB]: by the largest image, of which one is held at a time."""
        return self._memory_for_image(wildcards, LOCATING_MB, attempt)

    def memory_to_localise(self, wildcards: Wildcards, input: InputFiles, attempt: int) -> int:
        """Memory for comparing maps with masks [MB]: by the largest image and the size of all maps."""
        return self._memory_for_image(wildcards, 800 + input.size_mb, attempt)

    def _memory_for_image(self, wildcards: Wildcards, base: float, attempt: int) -> int:
        sides = Path(f"results/{wildcards.dataset}/read/sides.json")
        # in a dry run the images may not have been read
        read = json.loads(sides.read_text()) if sides.exists() else {}
        largest = read.get("megapixels", self.dataset_of(wildcards).max_megapixels)
        return int((base + BYTES_PER_PIXEL * largest) * attempt)

    def evidence_of(self, wildcards: Wildcards) -> dict[str, str | list[str]]:
        """All results of a dataset, which the reporting steps read below `--results`."""
        dataset = self.dataset_of(wildcards)
        names = [
            "manifest",
            "splits",
            "metrics",
            "comparisons",
            "standings",
            "verdicts",
            "calibration",
            "subgroups",
            "audit",
            "prediction_sets",
            "suspect_labels",
        ]
        names += ["thresholds"] if dataset.scale else []
        names += ["expected_shares"] if dataset.expected_shares else []
        names += ["leaks"] if dataset.leak_models else []
        names += ["learning_curve", "extrapolations"] if dataset.curve_models else []
        names += ["unknown"] if dataset.unknown else []
        names += ["localisation", "located"] if dataset.localisation else []
        names += ["attributions"] if dataset.attributions else []
        names += ["look_alikes", "resemblance"] if self.features_of(wildcards.dataset) else []
        verification: dict[str, str | list[str]] = {}
        if dataset.deploy:
            verification["verification"] = f"{RESULTS}/verification.json"
        return verification | {
            "plan": [f"{RESULTS}/plan/runs.json", f"{RESULTS}/plan/settings.json"],
            "tables": [f"{RESULTS}/{name}.parquet" for name in names],
            "recommendation": f"{RESULTS}/recommendation.json",
            "quarantine": f"{RESULTS}/quarantine.csv",
            "corrections": f"{RESULTS}/read/corrections.json",
            "runs": self.of_all_runs("run.json")(wildcards),
            "predictions": self.of_all_runs("predictions.parquet")(wildcards),
            "views": self.caches_of(wildcards),
            "maps": self.maps_of(wildcards),
        }

    def described_of(self, wildcards: Wildcards) -> list[str]:
        """The caches that new images are compared with: those of all views, and features with their backbones."""
        names = sorted(self.features_of(wildcards.dataset))
        features = [f"{RESULTS}/views/{name}.{suffix}" for name in names for suffix in ("parquet", "safetensors")]
        return [*self.caches_of(wildcards), *features]

    def features_of(self, dataset: str) -> list[str]:
        """Names of the caches of features that a dataset's models learn from, in the order of the models."""
        models = self.config.fitted(dataset).values()
        return list(dict.fromkeys(model.samples for model in models if model.on_features))

    def caches_of(self, wildcards: Wildcards) -> list[str]:
        """The caches of all views that a dataset's list of models uses."""
        views = {model.view for model in self.config.fitted(wildcards.dataset).values()}
        return [f"{RESULTS}/views/{view}.parquet" for view in sorted(views)]


def _shards(count: int) -> list[str]:
    """Names of so many shards, but of `MOST_SHARDS` at most; none where one job does all."""
    return shard_names(min(MOST_SHARDS, count)) if count > 1 else []


def _share(wildcards: Wildcards, input: InputFiles) -> float:
    """How much of the work a job does: all of it, that of a shard, or none where it puts shards together."""
    return 0.0 if input.get("shards", ()) else 1 / int(wildcards.get("shard", "1-of-1").rpartition("-")[2])


def _components(model: FittedModel) -> list[int]:
    """Numbers of principal components that a model's candidates use."""
    kind = registry.family(model.family)
    counts = (kind.components(settings) for settings in model.candidates)
    return [count for count in counts if count is not None]


def any_of(names: Iterable[str]) -> str:
    """Regular expression for a wildcard that matches one of the names; without names it matches nothing."""
    return "|".join(names) or "(?!)"


def as_flags(files_by_flag: Callable[[Wildcards], dict[str, Any]]) -> Callable[[Wildcards, Any], list[str]]:
    """Params function: a flag for each entry of an input function, with its file or its list of files as JSON."""

    def flags(wildcards: Wildcards, input: Any) -> list[str]:
        words: list[str] = []
        for name, files in files_by_flag(wildcards).items():
            words += [f"--{name}", input[name] if isinstance(files, str) else to_json(list(input[name]))]
        return words

    return flags
