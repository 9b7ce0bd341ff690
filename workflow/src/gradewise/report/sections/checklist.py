"""Section: what reporting guidelines ask of a comparison of classifiers, filled as far as a run knows the answer.

The items are those of TRIPOD+AI (Collins et al. 2024, BMJ 385:e078378), CLAIM (Mongan et al. 2020, Radiology:
Artificial Intelligence 2:e200029; numbers of the 2024 update by Tejani et al., 6:e240300) and REFORMS (Kapoor et al.
2024, Science Advances 10:eadk3452) that apply to models trained on images. Sentences and numbers are those of the other
sections.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from gradewise import tables
from gradewise.config.views import View
from gradewise.evaluation.recommendation import ClueExplains, FewGroups
from gradewise.evaluation.subgroups import LEAST_IMAGES
from gradewise.images.foresight import POWER
from gradewise.report import metric_names, numbers, sentences
from gradewise.report.blocks import Column, Section, Table
from gradewise.report.evidence import Evidence, recorded
from gradewise.report.sections import accuracy, audit, dataset, leak, mistakes, probabilities, settings, subgroups

ORDER = 150

FOLDED = True

GUIDELINES = ("TRIPOD+AI", "CLAIM", "REFORMS")
AUTHORS = "To be filled in by the authors"
NOT_MEASURED = "Not measured"
REASONS_SHOWN = 5


@dataclass(frozen=True)
class Item:
    """An item of the checklist.

    Attributes
    ----------
    name : str
    guidelines : tuple of str
        Numbers of the corresponding items of `GUIDELINES`; empty where one has none.
    answer : callable or None
        What a run knows of it, beginning with `NOT_MEASURED` where it measured nothing; None for what only the authors
        know. It may also return None, where this run does not know.
    ask : str
        What the authors should tell where the run does not.
    """

    name: str
    guidelines: tuple[str, str, str]
    answer: Callable[[Evidence], str | None] | None = None
    ask: str = ""


def section(evidence: Evidence) -> Section:
    """The items with their answers, and the names of those that are left to the authors."""
    rows = []
    for item in ITEMS:
        answer = None if item.answer is None else item.answer(evidence)
        rows.append(
            {
                "item": item.name,
                "filled": _filled(answer),
                "answer": _plain(f"{AUTHORS}: {item.ask}" if answer is None else answer),
                **dict(zip(GUIDELINES, item.guidelines, strict=True)),
            }
        )
    data = pd.DataFrame(rows)
    names = {filled: list(part["item"]) for filled, part in data.groupby("filled")}
    table = Table(
        "checklist",
        "All items: what this run says of them, and what is left to the authors",
        data,
        (
            Column.text("Item", "item"),
            Column.name("Filled", "filled"),
            Column("Answer", "answer", kind="prose"),
            Column("Guidelines", GUIDELINES, _with_guidelines, "text"),
        ),
        folded=True,
    )
    contents = {
        "filled": len(names["yes"]),
        "items": len(data),
        "not_measured": "; ".join(names.get("not measured", [])),
        "blank": names["no"],
        "shown": table,
    }
    return Section("checklist", "Checklist", contents=contents)


def _filled(answer: str | None) -> str:
    if answer is None:
        return "no"
    return "not measured" if answer.startswith(NOT_MEASURED) else "yes"


def _plain(text: str) -> str:
    """A text with ordinary spaces, as the CSV file of the table goes into documents of the authors."""
    return text.replace(numbers.SPACE, " ").replace(numbers.THIN_SPACE, " ")


def _with_guidelines(*numbered: str) -> str:
    return "; ".join(f"{guideline} {items}" for guideline, items in zip(GUIDELINES, numbered, strict=True) if items)


def _source(evidence: Evidence) -> str:
    source = evidence.settings
    if source.simulate is not None:
        origin = f"drawn by a program (simulate, kind {source.simulate.kind})"
    elif source.images is not None:
        origin = f"from the folder {source.images}"
    else:
        origin = f"listed in {numbers.listed([table.csv or table.images for table in source.tables or ()])}"
    basis = numbers.basis(len(evidence.manifest), evidence.manifest["group"].nunique(), "image")
    return (
        f"{basis}, {origin}. The SHA-256 of their list, which holds a hash of the pixels of each image, begins with "
        f"{evidence.manifest_hash[:12]}."
    )


def _taken(evidence: Evidence) -> str | None:
    if evidence.settings.simulate is None:
        return None
    return "No image was taken: a program drew them, with the settings given in the section Settings and origin."


def _labelled(evidence: Evidence) -> str | None:
    if evidence.settings.simulate is None:
        return None
    return "Nobody labelled them: the class of each image follows from how the program drew it."


def _classes(evidence: Evidence) -> str:
    rows = dataset.count_classes(evidence)
    few = len(rows) <= dataset.CLASSES_SHOWN
    shown = rows if few else rows.sort_values("images", kind="stable").iloc[[0, -1]]
    counts = [
        f"{numbers.count(row['images'])} of {row['class']} ({numbers.percent(row['share'])})"
        for row in shown.to_dict("records")
    ]
    text = numbers.listed(counts) if few else f"from {' to '.join(counts)}, in {len(rows)} classes"
    weighted = [run.model for run in evidence.runs if run.record["settings"].get("class_weight") is not None]
    if weighted:
        return f"Images: {text}. class_weight is set for {numbers.listed(list(dict.fromkeys(weighted)))}."
    return f"Images: {text}. No model sets class_weight."


def _set_aside(evidence: Evidence) -> str:
    reasons = evidence.quarantine["reason"].value_counts()
    if reasons.empty:
        return "Every file could be used; none was set aside."
    counts = [f"{reason} ({count})" for reason, count in reasons.head(REASONS_SHOWN).items()]
    others = int(reasons.iloc[REASONS_SHOWN:].sum())
    counts += [f"other reasons ({others})"] if others else []
    files = numbers.many(len(evidence.quarantine), "file")
    return f"{files} could not be used: {numbers.listed(counts)}. The list is quarantine.csv."


def _groups(evidence: Evidence) -> str:
    return f"{dataset.groups_in_words(evidence.settings)} {audit.copies_in_words(evidence)}"


def _splits(evidence: Evidence) -> str:
    words = dataset.splits_in_words(evidence.settings.evaluation, evidence.splits["repeat"].nunique())
    return f"{words} Test images were used for no decision before the recommendation."


def _preparation(evidence: Evidence) -> str:
    texts = []
    for name, path in evidence.views.items():
        metadata = tables.read_metadata(path)
        shape = " x ".join(map(str, metadata["shape"]))
        texts.append(f"View {name}: {View.model_validate(metadata['view']).in_words()}; samples of {shape}.")
    return " ".join(texts)


def _clues(evidence: Evidence) -> str:
    record = evidence.recommendation
    texts = [sentences.clue_sentence(warning) for warning in record.warned(ClueExplains)]
    beyond = sentences.beyond_clues_sentence(record)
    texts += [] if beyond is None else [beyond]
    if texts:
        return " ".join(texts)
    if (evidence.audit["check"] == "clue").any():
        return "The data audit lists the accuracy of a classifier that sees only such facts; it gave no reason to warn."
    return f"{NOT_MEASURED}: such facts do not differ between images, or a class has too few groups."


def _models(evidence: Evidence) -> str:
    runs = (evidence.runs_of(model) for model in evidence.models)
    return " ".join(settings.model_in_words(own[0].model, own[0].record) for own in runs if own)


def _settings(evidence: Evidence) -> str:
    choices = [run.record["chosen_by"] for run in evidence.runs if run.record.get("tried")]
    scores = dict.fromkeys(
        f"{metric_names.in_words(choice['metric'])} of {choice['level']}s in {choice['where']}" for choice in choices
    )
    tried: dict[str, int] = {}
    for run in evidence.runs:
        tried[run.model] = max(tried.get(run.model, 0), len(run.record.get("tried") or []))
    chosen = [f"{count} of {model}" for model, count in tried.items() if count]
    fixed = [model for model, count in tried.items() if not count]
    texts = []
    if chosen:
        texts.append(
            f"Combinations of settings tried on each split: {numbers.listed(chosen)}. The best by "
            f"{numbers.listed(list(scores))} was kept."
        )
    if fixed:
        texts.append(f"Fixed in the configuration: the settings of {numbers.listed(fixed)}.")
    return " ".join([*texts, "The section Settings and origin lists all values."])


def _software(evidence: Evidence) -> str:
    used = ", ".join(f"{library} {version}" for library, version in settings.versions(evidence.runs).items())
    return (
        f"Versions: {used}. Splits and runs derive their seeds from the seed {evidence.seed} of the configuration; "
        f"each run records its own in run.json. The section Settings and origin says how to reproduce the results."
    )


def _costs(evidence: Evidence) -> str:
    costs = [sentences.cost_sentence(candidate) for candidate in evidence.recommendation.ranking]
    devices = numbers.listed(recorded(evidence.runs, "device"))
    return " ".join([f"Trained on: {devices}.", *(cost for cost in costs if cost is not None)])


def _size(evidence: Evidence) -> str:
    record = evidence.recommendation
    metric = record.criterion.metric
    texts = [f"{sentences.ground_in_words(record)}."]
    texts += [sentences.few_groups_sentence(warning) for warning in record.warned(FewGroups)]
    detectable = [
        f"{metric_names.gap(metric, pair.detectable)} between {pair.first} and {pair.second}"
        for pair in record.pairs
        if pair.detectable is not None
    ]
    if detectable:
        power = numbers.whole_percent(POWER)
        texts.append(f"True differences that would be detected with {power} power: {numbers.listed(detectable)}.")
    return " ".join(texts)


def _metrics(evidence: Evidence) -> str:
    criterion = evidence.recommendation.criterion
    shown = accuracy.metrics_of(evidence, criterion.level)
    others = [metric_names.in_words(metric) for metric in shown if metric != criterion.metric]
    also = f" Also reported: {numbers.listed(others)}." if others else ""
    return (
        f"Models are ranked by {metric_names.in_words(criterion.metric)} on test {criterion.level}s.{also} The "
        f"estimate is how well models trained on these images do on {criterion.level}s that share no group with them. "
        f"The 95 % intervals come from leaving out one group at a time from all repeats."
    )


def _comparison(evidence: Evidence) -> str:
    record = evidence.recommendation
    margin = "" if record.criterion.margin is not None else " No margin was set, so every difference matters."
    return f"{sentences.rule(record)}{margin}"


def _performance(evidence: Evidence) -> str:
    record = evidence.recommendation
    if record.choice is None:
        return sentences.headline(record)
    metric = record.criterion.metric
    scores = [f"{candidate.model} {metric_names.interval(metric, candidate.score)}" for candidate in record.ranking]
    texts = [
        f"{metric_names.name(metric, overall=True)} on test {record.criterion.level}s, with 95 % intervals: "
        f"{'; '.join(scores)}.",
        sentences.chosen_sentence(record),
        sentences.baseline_sentence(record),
    ]
    return " ".join(text for text in texts if text is not None)


def _subgroups(evidence: Evidence) -> str:
    model = evidence.recommendation.choice
    rows = evidence.subgroups.loc[evidence.subgroups["model"] == model]
    if model is None or rows.empty:
        return f"{NOT_MEASURED}: no column of the label table forms subgroups with at least {LEAST_IMAGES} test images."
    return subgroups.worst_sentence(model, rows, evidence.deciding_level)


def _probabilities(evidence: Evidence) -> str:
    return " ".join(probabilities.findings(evidence)) or f"{NOT_MEASURED}."


def _leak(evidence: Evidence) -> str:
    if evidence.leaks is None or evidence.leaks.empty:
        return f"{NOT_MEASURED}: the configuration asks for no leak test (leak_test)."
    return " ".join(leak.findings(evidence)) or "Not needed: each image is a group of its own."


def _failures(evidence: Evidence) -> str:
    record = evidence.recommendation
    weakest = None if record.choice is None else sentences.weakest_sentence(record)
    shown = (
        f"Confusion matrices count which classes are confused. For each model, up to {mistakes.MOST} of the mistakes "
        f"made with the highest probability are shown."
    )
    return shown if weakest is None else f"{weakest} {shown}"


ITEMS = (
    Item(
        "Purpose and intended users",
        ("3b", "3", "1a"),
        ask="what the classifier is for, who will use it, and which images it is meant for.",
    ),
    Item("Source and number of images", ("5a", "7", "2a, 3a, 3e"), _source),
    Item(
        "How the images were taken and selected",
        ("5b, 6a, 6b", "8, 13", "3a, 3b"),
        _taken,
        "instrument or camera and its settings, dates, places, and which images were left out before this run.",
    ),
    Item(
        "Who labelled the images, and how well labels agree",
        ("8a, 8b", "14, 16, 18", "3a"),
        _labelled,
        "who labelled the images and by which rules, and how often two people gave the same label.",
    ),
    Item("Classes and their balance", ("8a, 13", "", "3d"), _classes),
    Item("Files set aside", ("20a", "8, 35", "4a, 4b"), _set_aside),
    Item("Groups and copies", ("", "20", "6b"), _groups),
    Item("Splits, and what test images were used for", ("12a", "19, 20", "5c, 6a"), _splits),
    Item("Preparation of images", ("7", "9", "4c"), _preparation),
    Item("Clues other than the content (size, format, brightness)", ("", "", "6c"), _clues),
    Item("Models", ("12c", "22, 27", "5a"), _models),
    Item("Settings tried, and how they were chosen", ("12c", "25, 26", "5d, 5e"), _settings),
    Item("Software, code and random seeds", ("", "23, 24", "2b, 2c, 2e"), _software),
    Item("Hardware and costs of training", ("", "", "2c"), _costs),
    Item("Size of the test", ("10", "21", "3e"), _size),
    Item("Metrics, intervals and what they estimate", ("12e", "28, 29", "7a, 7b"), _metrics),
    Item("Rule of comparison, fixed beforehand", ("12e", "29", "7c"), _comparison),
    Item("Performance, also against the baseline", ("23a", "37, 38", "5f, 7b"), _performance),
    Item("Performance in subgroups", ("14, 23a", "", ""), _subgroups),
    Item("Calibration of probabilities", ("12e, 23a", "28", "7a"), _probabilities),
    Item("Leak test", ("", "", "6a, 6b"), _leak),
    Item("Analysis of mistakes", ("", "39", ""), _failures),
    Item(
        "Test on images from elsewhere",
        ("16", "33", "8a"),
        ask="results on images of another place, time or instrument, or that there are none.",
    ),
    Item(
        "Known limits",
        ("26", "40", "8b"),
        ask="where the results may not hold, such as other instruments, places or mixes of classes; and what the "
        "warnings in this report mean for them.",
    ),
    Item(
        "Use in practice and plans for monitoring",
        ("27a, 27b, 27c", "41", ""),
        ask="how predictions will be used and checked, what happens to poor images, how a decline would be noticed.",
    ),
    Item(
        "Ethics and permission",
        ("17", "11", ""),
        ask="who approved or permitted taking and using the images, and how people in them are protected.",
    ),
    Item(
        "Funding and interests",
        ("18a, 18b", "44", ""),
        ask="who paid for the work, and interests of the authors in its result.",
    ),
    Item(
        "Availability of images, code and models",
        ("18e, 18f, 22", "43", "2a, 2b"),
        ask="where images, configuration, code and trained models can be obtained, and under which licence.",
    ),
)
