"""The model card: what a model is for, how good it is, what it was fitted on, and what nobody has tried.

The form follows Mitchell et al. (2019), "Model Cards for Model Reporting", FAT* 220. What no run can know is left as a
question to fill in.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt

from gradewise import tables
from gradewise.evaluation.estimates import Estimate
from gradewise.evaluation.measured import Measured
from gradewise.evaluation.recommendation import Recommendation
from gradewise.judgement.shares import Shares
from gradewise.predict.artefact import Facts
from gradewise.predict.description import Description
from gradewise.report import metric_names, mixes, numbers, pretraining, sentences

CARD, PAGE = "MODEL_CARD.md", "MODEL_CARD.html"


def write_card(
    folder: Path, known: Measured, record: Recommendation, model: str, description: Description, facts: Facts
) -> None:
    """Write the model card as Markdown and as a page.

    Parameters
    ----------
    folder : Path
        Of the model that is handed over.
    known : Measured
        What was measured on the dataset.
    record : Recommendation
    model : str
        Name of the model that is handed over.
    description : Description
    facts : Facts
        With all parts that are known.
    """
    expected = facts.expected
    assert expected is not None, "a model is handed over with what to expect of it"
    assert facts.fitted_on is not None, "and with what it was fitted on"
    level = expected.level
    text = (
        _environment()
        .get_template(CARD)
        .render(
            model=model,
            families=_families(known, model),
            dataset=known.dataset,
            simulated=known.settings.simulate is not None,
            classes=numbers.listed([_escaped(name) for name in known.classes]),
            expected=metric_names.in_words(expected.metric),
            value=metric_names.with_ci(expected.metric, Estimate(expected.value, expected.low, expected.high)),
            basis=numbers.basis(expected.images, expected.groups, f"test {level}"),
            pretraining=[_escaped(text) for text in _pretraining(known, model)],
            findings=sentences.sentences(record) if record.choice == model else [],
            headline=sentences.headline(record),
            chosen=record.choice == model,
            by_class=[
                (
                    _escaped(name),
                    facts.fitted_on.per_class[name],
                    numbers.percent_interval(known.estimate(model, "recall", level, name)),
                    numbers.percent_interval(known.estimate(model, "precision", level, name)),
                )
                for name in known.classes
            ],
            fitted_on=facts.fitted_on,
            held_back=numbers.whole_percent(known.settings.evaluation.validation),
            views=[(name, view.operations.in_words()) for name, view in description.views.items()],
            gathered=_gathered(known, description),
            least_cost=description.costs is not None,
            needed=max(description.min_side, *(view.operations.minimum_side for view in description.views.values())),
            bits=description.bits,
            undecided=_undecided(known, model),
            calibrated_on=_calibrated_on(facts),
            flagged=_flagged(facts),
            adjustment=_adjustment(facts),
            verification=facts.verification,
            difference=None if facts.verification is None else numbers.rounding(facts.verification.difference),
            time=None if facts.verification is None else numbers.time(facts.verification.seconds_per_image),
        )
    )
    (folder / CARD).write_text(text, encoding="utf-8")
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    page = _environment().get_template(PAGE).render(title=f"Model card: {model}", body=body)
    (folder / PAGE).write_text(page, encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("gradewise.deployment"),
        autoescape=False,  # Markdown escapes by itself, and the page contains what it made
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _escaped(name: str) -> str:
    """A user's name as Markdown shows it."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>()#+!|~&" else sign for sign in " ".join(name.split()))


def _pretraining(known: Measured, model: str) -> list[str]:
    """Which other images the model or its members saw before, and whose weights it contains; none if it saw none."""
    runs = known.runs_of(model)
    if runs[0].record["family"] == "blend":
        runs = [*runs, *(run for member in runs[0].record["settings"]["members"] for run in known.runs_of(member))]
    return [text for text in (pretraining.warning(runs), pretraining.licences(runs)) if text]


def _families(known: Measured, model: str) -> str:
    run = known.runs_of(model)[0]
    if run.record["family"] != "blend":
        backbone = pretraining.backbone_in_words(run.record)
        use = "fine-tuned from" if run.record.get("fine_tuned") else "on features of"
        return f"family {run.record['family']}{f' {use} {backbone}' if backbone else ''}"
    return f"a blend of {numbers.listed(run.record['settings']['members'])}"


def _undecided(known: Measured, model: str) -> str | None:
    """Shares of images whose sets held several classes, by coverage; None where nothing was measured."""
    rows = tables.read(known.results.table("prediction_sets"))
    rows = rows.loc[(rows["model"] == model) & rows["class"].isna() & rows["several"].notna()]
    told = [
        f"{numbers.percent(row.several)} of the images at a coverage of {row.coverage:g}" for row in rows.itertuples()
    ]
    return numbers.listed(told) if told else None


def _calibrated_on(facts: Facts) -> int | None:
    """Groups that the thresholds of prediction sets come from."""
    sets = None if facts.judgement is None else facts.judgement.prediction_sets
    return None if sets is None else sets.groups


def _flagged(facts: Facts) -> str | None:
    """The share of images of the same kind that are flagged as unknown by mistake; None where none are flagged."""
    if facts.judgement is None or facts.judgement.unknown is None:
        return None
    unknown = facts.judgement.unknown
    return f"{numbers.whole_percent(unknown.false_alarms)}, set on {numbers.many(unknown.groups, 'tested group')}"


def _adjustment(facts: Facts) -> str | None:
    """How probabilities are adjusted to another mix of classes; None where they are not."""
    shares = None if facts.judgement is None else facts.judgement.shares
    return None if shares is None else mixes.adjustment(_with_escaped_names(shares))


def _with_escaped_names(shares: Shares) -> Shares:
    named = {
        mix: {_escaped(name): share for name, share in getattr(shares, mix).items()} for mix in ("training", "expected")
    }
    return shares.model_copy(update=named)


def _gathered(known: Measured, description: Description) -> str | None:
    """How the samples of an image become a verdict; None where an image is one sample."""
    if not known.tiled:
        return None
    words = {
        "mean": "the mean of the probabilities of its samples",
        "max": "the highest probability among its samples",
        "vote": "a vote of its samples",
    }
    return words.get(str(description.aggregate), "the mean of the highest probabilities among its samples")
