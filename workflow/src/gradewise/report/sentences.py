"""The recommendation in plain English: which model to use, how good it is, how sure that is, and what it costs.

Every function is pure, from numbers of the record to a sentence, so that each can be checked against what it tells.
"""

from __future__ import annotations

import math

from gradewise.config.aggregation import Top
from gradewise.evaluation.compare import CLUES
from gradewise.evaluation.recommendation import (
    Accuracy,
    Candidate,
    ClassesImbalanced,
    ClassNeverPredicted,
    ClueExplains,
    Collapsed,
    ConstantPrediction,
    Criterion,
    FewGroups,
    GuessingBeatsAll,
    LookAlikes,
    NotBetterThanBaseline,
    OtherMetricDisagrees,
    Pair,
    Recommendation,
    ValidationAboveTest,
    lag,
)
from gradewise.images.clues import TOGETHER, WITHOUT_CONTENT
from gradewise.images.foresight import LEVEL, POWER
from gradewise.report import metric_names, numbers
from gradewise.report.numbers import Estimate

MOST_GROUPS = 10_000
"""Numbers of groups above this are not told: nobody would label them."""

CLUE_NAMES = {"size": "image size", "file": "file format", "camera": "the camera", "data bar": "the data bar"}
"""Clues in sentences, where the name in the audit is too short."""


def sentences(record: Recommendation, aggregate: str | Top | None = None) -> list[str]:
    """What is said below the headline, in order; nothing where no model has a score.

    `aggregate` is how samples are combined to a verdict on their image, if masks label samples.
    """
    if record.choice is None:
        return []
    cost = cost_sentence(record.candidate(record.choice))
    return [accuracy_sentence(record), *reasons(record, aggregate), *([] if cost is None else [cost])]


def reasons(record: Recommendation, aggregate: str | Top | None = None) -> list[str]:
    """What speaks for and against the choice, beside its score and what it costs; `aggregate` as for `sentences`."""
    if record.choice is None:
        return []
    texts = [
        chosen_sentence(record),
        *(few_groups_sentence(warning) for warning in record.warned(FewGroups)),
        plain_sentence(record.plain_accuracy),
        *map(imbalance_sentence, record.warned(ClassesImbalanced)),
        *map(alike_sentence, record.warned(LookAlikes)),
        *(validation_sentence(record, warning) for warning in record.warned(ValidationAboveTest)),
        other_level_sentence(record),
        None if aggregate is None or record.other_level is None else gathering_sentence(aggregate),
        lead_sentence(record),
        *map(collapsed_sentence, record.warned(Collapsed)),
        trade_sentence(record),
        beaten_sentence(record),
        dissent_sentence(record),
        weakest_sentence(record),
        constant_sentence(record),
        baseline_sentence(record),
        beyond_clues_sentence(record),
    ]
    return [text for text in texts if text is not None]


def rule(record: Recommendation) -> str:
    """How the recommendation is made, for the reader."""
    criterion = record.criterion
    unit, words = criterion.level, metric_names.in_words(criterion.metric)
    leads = f"{'highest' if criterion.metric == 'accuracy' else 'best'} {unit}-level {words}"
    choice = "The leader is recommended"
    if criterion.margin is not None:
        margin = metric_names.gap(criterion.metric, criterion.margin)
        faster = "trains" if criterion.faster == "training" else "predicts"
        choice += f", unless a model that {faster} faster is shown to be at most {margin} worse"
    return (
        f"How the recommendation is made: the model with the {leads} on test {unit}s leads. Differences between "
        f"models, and from the baseline, are judged together at {numbers.whole_percent(1 - LEVEL)}: a model counts as "
        f"worse than the leader if the simultaneous {numbers.whole_percent(LEVEL)} CI of their difference excludes "
        f"zero, and otherwise as tied with it. {choice}; no model is recommended if the baseline is better. Test "
        f"images were used for no earlier decision. All of this applies to models trained on these images and tested "
        f"on {_new(record)}. "
        f"Metric, margin and costs were fixed in the configuration before test images were evaluated; the log of the "
        f"run gives their fingerprint, {record.rule_fingerprint}."
    )


def headline(record: Recommendation) -> str:
    """The recommendation in a few sentences; no model is recommended where guessing beats the best of them."""
    criterion, always = record.criterion, f"always predicting {record.baseline.predicted}"
    if record.choice is None:
        words = metric_names.in_words(criterion.metric)
        return f"No model can be recommended: there is no {words} on test {criterion.level}s."
    if record.warned(GuessingBeatsAll):
        leader = record.candidate(record.leader)
        return (
            f"Use none of these models as it is: the best, {leader.model}, gets {_reached(record, leader)}, {always} "
            f"{metric_names.value(criterion.metric, record.baseline.value)}."
        )
    if record.outcome.reason == "one class tested":
        choice = record.candidate(record.choice)
        return (
            f"Verdicts cannot be judged, since all test {criterion.level}s are {record.baseline.predicted}: "
            f"{choice.model} gets {_reached(record, choice)}, {always} would get all."
        )
    text = _advice(record)
    if record.warned(NotBetterThanBaseline):
        either = " either" if "cannot separate" in text else ""
        text += f" It is not shown to be better than {always}{either}."
    return text


def _reached(record: Recommendation, candidate: Candidate) -> str:
    return metric_names.reached(record.criterion.metric, candidate.score.value, record.criterion.level)


def _advice(record: Recommendation) -> str:
    criterion = record.criterion
    choice, leader = record.candidate(record.choice), record.candidate(record.leader)
    right = _reached(record, choice)
    more = "more than any other model" if criterion.metric == "accuracy" else "better than any other model"
    margin = metric_names.gap(criterion.metric, criterion.margin)
    if len(record.ranking) == 1:
        return f"{choice.model} is the only model here; it gets {right}."
    if not record.tied:
        return f"Use {choice.model}: it gets {right}, {more}, and chance does not explain the lead."
    if choice is leader:
        text = f"Use {choice.model}: it gets {right}, {more}."
        undecided = [model for model in record.tied if model not in record.equivalent]
        if undecided:
            text += f" But {tested_in_words(record)} cannot separate it from {numbers.listed(undecided)}"
            if choice.probability_best is not None:
                probability = numbers.whole_percent(min(choice.probability_best, 0.99))
                more = "more than " if choice.probability_best > 0.99 else ""
                text += f". Ignoring how many models were compared, it is the best with a probability of {more}"
                text += probability
            text += "."
        if record.equivalent:
            text += f" Equivalent to it within {margin}: {numbers.listed(list(record.equivalent))}."
        return text
    theirs = metric_names.value(criterion.metric, leader.score.value)
    faster = "to train" if criterion.faster == "training" else "to predict"
    return (
        f"Use {choice.model}: it gets {right}, {leader.model} {theirs}; it is shown to be at most {margin} worse, and "
        f"it is faster {faster}."
    )


def tested_in_words(record: Recommendation) -> str:
    """What was tested, counted in groups: '13 groups (150 images)', '150 images' where each is its own group."""
    images = numbers.many(record.ground.images, record.criterion.level)
    if record.ground.images == record.ground.groups:
        return images
    return f"{numbers.many(record.ground.groups, 'group')} ({images})"


def _new(record: Recommendation) -> str:
    """What results speak of: new groups, or new images where each is its own group."""
    alone = record.ground.images == record.ground.groups
    return f"new {record.criterion.level}s" if alone else "new groups"


def ground_in_words(record: Recommendation) -> str:
    """What was tested, and how often: '48 test images in 16 groups, over 3 folds', '.., one split'."""
    ground = record.ground
    text = numbers.basis(ground.images, ground.groups, f"test {record.criterion.level}")
    return (
        f"{text}, over {numbers.rounds(ground.repeats, ground.folds)}" if ground.repeats > 1 else f"{text}, one split"
    )


def accuracy_sentence(record: Recommendation) -> str:
    """How good the choice is on images it has not seen."""
    criterion, choice = record.criterion, record.candidate(record.choice)
    if criterion.metric == "accuracy":
        text = f"{choice.model} classifies {numbers.percent(choice.score.value)} of test {criterion.level}s correctly"
    else:
        text = f"{choice.model} reaches {_reached(record, choice)}"
    interval = ""
    if choice.score.bounds:
        low, high = (metric_names.value(criterion.metric, bound) for bound in choice.score.bounds)
        interval = f"95 % CI {low.removesuffix(f'{numbers.SPACE}%')} to {high}; "
    return f"{text} ({interval}{ground_in_words(record)})."


def chosen_sentence(record: Recommendation) -> str | None:
    """What the score of the choice owes to being the best of several on the same test; None where that is unknown."""
    corrected, metric = record.corrected, record.criterion.metric
    if record.choice is None or corrected.bounds is None or not numbers.known(corrected.value):
        return None
    models = numbers.many(len(record.ranking), "model")
    return (
        f"The best of {models} on a test looks better than it is. Corrected for that, expect "
        f"{metric_names.with_ci(metric, corrected)} on {_new(record)}."
    )


def few_groups_sentence(warning: FewGroups) -> str:
    """That so few groups were tested that models were not compared, or with little certainty."""
    told = f"Only {numbers.many(warning.groups, 'group')} {'was' if warning.groups == 1 else 'were'} tested"
    if not warning.compared:
        return f"{told}, too few to compare models: intervals and p values of differences are not given."
    return f"{told}: intervals are rough, and only large differences can be shown. More groups would tell more."


def collapsed_sentence(warning: Collapsed) -> str:
    """Which models failed in some repeats, so that differences may look more certain than they are."""
    return (
        f"In some repeats {numbers.listed(list(warning.models))} predicted one class for everything. Where training "
        f"fails now and then, differences look more certain than they are."
    )


def validation_sentence(record: Recommendation, warning: ValidationAboveTest) -> str:
    """That the choice does clearly better on validation than on test, and what may be behind it."""
    unit = record.criterion.level
    return (
        f"{record.choice} does better on validation {unit}s than on test {unit}s: "
        f"{metric_names.with_ci(record.criterion.metric, warning.validation)}. Possible reasons: test {unit}s differ "
        f"from those of training (another place, day, camera or mix of classes); training and validation {unit}s show "
        f"the same specimens without sharing a group; settings were tuned on few validation {unit}s. Plan with the "
        f"test result, and find out what differs."
    )


def other_level_sentence(record: Recommendation) -> str | None:
    """How good the choice is on single samples, where images decide, and the other way round."""
    other = record.other_level
    if other is None:
        return None
    what, doubt = "On single samples, before they are combined into a verdict on their image,", ""
    if other.level == "image":
        what = "On whole images, whose verdicts combine those of their samples,"
        doubt = "" if other.against_baseline == "better" else "; the model is not shown to be better"
    return (
        f"{what} {record.choice} classifies {numbers.percent_ci(other.accuracy)} correctly; always predicting "
        f"{other.baseline.predicted} gets {numbers.percent(other.baseline.value)}{doubt}."
    )


def gathering_sentence(aggregate: str | Top) -> str:
    """What to know about image verdicts where samples carry labels of their own, from masks."""
    words = aggregate if isinstance(aggregate, str) else f"{{top: {aggregate.top}}}"
    advice = ""
    if words in ("mean", "vote"):
        advice = " If defects cover little of an image, aggregate: max or {top: n} lets few samples decide."
    return (
        f"Labels come from masks, so models learn to classify samples, and the verdict on an image depends on how its "
        f"samples are combined (here aggregate: {words}).{advice}"
    )


def lead_sentence(record: Recommendation) -> str | None:
    """By how much the leader is better than the next model, and how sure that is; None where it is alone."""
    if len(record.ranking) < 2:
        return None
    criterion, (leader, second, *_) = record.criterion, record.ranking
    best = "most accurate" if criterion.metric == "accuracy" else f"best by {metric_names.in_words(criterion.metric)}"
    pair = record.pair(second.model)
    measured = None if pair is None else pair.difference.value
    difference = measured if numbers.known(measured) else lag(leader, second, criterion)
    gap = metric_names.gap(criterion.metric, difference, "percentage points")
    ahead = f"The {best}, {leader.model}, is {gap} ahead of the next, {second.model}"
    if pair is None or not numbers.known(measured):
        return f"{ahead}; the two were not tested against each other."
    margin = metric_names.gap(criterion.metric, criterion.margin)
    ahead += _evidence(pair, criterion)
    if pair.conclusion == "equivalent":
        return f"{ahead}: the two are equivalent within {margin}."
    if pair.conclusion == "first better":
        return f"{ahead}: more than chance explains."
    text = f"{ahead}: {tested_in_words(record)} cannot separate the two.{_what_it_takes(record, pair)}"
    if criterion.margin is not None:
        text += f" Nor is it shown that the two are equivalent within {margin}"
        least = pair.groups_for_equivalence
        if least is not None and record.ground.groups <= least:
            many = numbers.many(int(least), "group")
            text += f", which takes more than {many}, since a model might fail in a few that were not tested"
        text += "."
        if pair.beyond_margin is not None:
            probability = numbers.whole_percent(pair.beyond_margin[0])
            text += f" The probability that {leader.model} is better by more than {margin} is {probability}."
    return text


def _what_it_takes(record: Recommendation, pair: Pair) -> str:
    """What difference could have been shown, and how many groups it takes to show the one that was measured."""
    metric, power = record.criterion.metric, numbers.whole_percent(POWER)
    if pair.detectable is None:
        return " So few groups can hardly detect any difference." if pair.difference.bounds else ""
    text = f" A true difference of {metric_names.gap(metric, pair.detectable)} would be detected with {power} power"
    measured = abs(pair.difference.value or 0.0)
    needed = record.ground.groups * (pair.detectable / measured) ** 2 if measured else float("inf")
    if needed <= MOST_GROUPS:
        text += f"; to detect one as large as this takes about {numbers.many(_rounded(needed), 'group')}"
    return f"{text}."


def _rounded(number: float) -> int:
    """Upwards, to two digits."""
    unit = 10 ** max(0, int(math.log10(number)) - 1)
    return int(math.ceil(number / unit) * unit)


def _evidence(pair: Pair, criterion: Criterion) -> str:
    """Interval and p value in parentheses, as far as known."""
    parts = []
    if pair.difference.bounds:
        parts.append(f"95 % CI {metric_names.bounds(criterion.metric, pair.difference)}")
    if numbers.known(pair.p_adjusted):
        text = numbers.p_value(pair.p_adjusted)
        parts.append(f"adjusted p {'' if text.startswith('<') else '= '}{text}")
    return f" ({', '.join(parts)})" if parts else ""


def trade_sentence(record: Recommendation) -> str | None:
    """What choosing another model than the leader saves and may cost; None where the leader is the choice."""
    if record.choice is None or record.choice == record.leader:
        return None
    criterion = record.criterion
    leader, choice = record.candidate(record.leader), record.candidate(record.choice)
    pair = record.pair(choice.model)
    measured = Estimate(lag(leader, choice, criterion))
    behind = pair.difference if pair is not None and numbers.known(pair.difference.value) else measured
    gap = metric_names.gap(criterion.metric, behind.value)
    bounds = f" (95 % CI {metric_names.bounds(criterion.metric, behind)})" if behind.bounds else ""
    saved = ""
    if numbers.known(choice.seconds_fit) and numbers.known(leader.seconds_fit):
        seconds = f"{numbers.time(choice.seconds_fit)} against {numbers.time(leader.seconds_fit)}"
        saved = f" saves training time ({seconds}) and"
    loss, lead, what = f"be worse by {metric_names.in_words(criterion.metric)}", f"is {gap} better", "that"
    if criterion.metric == "accuracy":
        loss, lead, what = "cost accuracy", f"got {gap} more", "accuracy"
    return (
        f"Choosing {choice.model} over {leader.model}{saved} may {loss}: {leader.model} {lead}{bounds}. If {what} "
        f"matters more than time, take {leader.model}."
    )


def weakest_sentence(record: Recommendation) -> str | None:
    """Which classes the choice never predicts, or which it recognises worst; None where classes do not differ."""
    unit = record.criterion.level
    for warning in record.warned(ClassNeverPredicted):
        theirs = "that class" if len(warning.classes) == 1 else "those classes"
        return (
            f"{record.choice} never predicts {numbers.listed(list(warning.classes))}: it recognises none of the test "
            f"{unit}s of {theirs}."
        )
    worst = [result for result in record.classes if result.name in record.weakest]
    if not worst:
        return None
    name, first = numbers.listed([result.name for result in worst]), worst[0]
    recognises = f"{record.choice} does worst on {name}: it recognises"
    if len(worst) > 1:
        return f"{recognises} {numbers.percent(first.recall.value)} of the test {unit}s of each."
    text = f"{recognises} {numbers.percent_ci(first.recall)} of the test {unit}s of that class"
    if numbers.known(first.precision.value):
        text += f", and {numbers.percent_ci(first.precision)} of its predictions of {name} are correct"
    return f"{text}."


def constant_sentence(record: Recommendation) -> str | None:
    """Which models predict one class for everything; None where none does."""
    models = [f"{warning.model} predicts {warning.predicted}" for warning in record.warned(ConstantPrediction)]
    return f"For every test {record.criterion.level}, {numbers.listed(models)}." if models else None


def plain_sentence(plain: Accuracy | None) -> str | None:
    """How accuracy compares with guessing, where another metric decides."""
    if plain is None or plain.accuracy.bounds is None:
        return None
    compared = {"better": "above", "worse": "below"}.get(plain.against_baseline, "not shown to be above")
    return (
        f"Its plain accuracy is {numbers.percent_ci(plain.accuracy)}, {compared} the "
        f"{numbers.percent(plain.baseline.value)} of always predicting {plain.baseline.predicted}."
    )


def imbalance_sentence(warning: ClassesImbalanced) -> str:
    """That accuracy, which decides by default, weighs frequent classes more."""
    return (
        f"Classes are imbalanced: {numbers.percent(warning.share)} of images are {warning.most_frequent}, and "
        f"accuracy weighs mistakes on frequent classes more. It decides here because decide_by is not set; consider "
        f"decide_by: {warning.proposed}."
    )


def alike_sentence(warning: LookAlikes) -> str:
    """That intervals take groups as independent, although many images look alike across groups."""
    then = "check whether group holds them together" if warning.grouped else "name them in a column and set group to it"
    return (
        f"Intervals and tests take groups as independent, but {numbers.percent(warning.share)} of images look much "
        f"like one of another group (see the data audit). If these show one specimen or scene, intervals are too "
        f"narrow and results on new ones may be worse: {then}."
    )


def clues_in_words(warning: ClueExplains) -> str:
    """The clues that do best, and what they come to: 'Image size and brightness alone may do as well as net'."""
    names = warning.known if warning.best == TOGETHER else (warning.best,)
    what = numbers.listed([CLUE_NAMES.get(name, name) for name in names])
    explain = "explain" if len(names) > 1 else "explains"
    how = f"may do as well as {warning.model}" if warning.near else f"{explain} half of what {warning.model} gains"
    return f"{what[:1].upper()}{what[1:]} alone {how}"


def clue_meaning(warning: ClueExplains) -> str:
    """What follows where clues do nearly as well as a model on images, or gain half of what it gains."""
    outside = sorted(set(warning.clues) & set(WITHOUT_CONTENT))
    texts = []
    if outside:
        named = numbers.listed([CLUE_NAMES.get(name, name) for name in outside])
        depend = "do" if len(outside) > 1 else "does"
        texts.append(
            f"{named[:1].upper()}{named[1:]} {depend} not depend on what an image shows, so the classes were "
            f"photographed or saved differently."
        )
    if len(outside) < len(set(warning.clues)):
        texts.append(
            "Such numbers may come from what images show or from how they were taken; in the latter case, the model "
            "will be less accurate on images taken differently."
        )
    return " ".join(texts)


def clue_sentence(warning: ClueExplains) -> str:
    """That clues do nearly as well as a model on images, or gain half of what it gains, with the numbers."""
    several = warning.best == TOGETHER and len(warning.known) > 1
    others = [CLUE_NAMES.get(name, name) for name in warning.clues if name not in (TOGETHER, warning.best)]
    also = f", {numbers.listed(others)} alone nearly as many" if others else ""
    always = "" if warning.near else f", always predicting the most frequent class {numbers.percent(warning.baseline)}"
    return (
        f"{clues_in_words(warning)}: {'they classify' if several else 'it classifies'} "
        f"{numbers.percent_ci(warning.guessed)} of images correctly{also}{always}; {warning.model} classifies "
        f"{numbers.percent_ci(warning.accuracy)} of test images correctly. {clue_meaning(warning)}"
    )


def dissent_sentence(record: Recommendation) -> str | None:
    """Which other model is better by which other metrics, intervals apart; None where none is."""
    better: dict[str, list[str]] = {}
    for warning in record.warned(OtherMetricDisagrees):
        values = (metric_names.value(warning.metric, value) for value in (warning.value, warning.choice_value))
        reached = f"{metric_names.in_words(warning.metric)} ({' against '.join(values)})"
        better.setdefault(warning.model, []).append(reached)
    if not better:
        return None
    models = "; ".join(f"{model} by {numbers.listed(metrics)}" for model, metrics in better.items())
    return (
        f"Other metrics speak against {record.choice}; their intervals do not overlap with its own: {models}. "
        f"Weigh that against {metric_names.in_words(record.criterion.metric)}."
    )


def beaten_sentence(record: Recommendation) -> str | None:
    """Which models are worse than the leader beyond chance; None where there are none."""
    if not record.beaten:
        return None
    metric, models = record.criterion.metric, []
    for model in record.beaten:
        pair = record.pair(model)
        models.append(f"{model} (by {metric_names.gap(metric, None if pair is None else pair.difference.value)})")
    worse = "Less accurate" if metric == "accuracy" else f"Worse by {metric_names.in_words(metric)}"
    return f"{worse} than {record.leader} by more than chance explains: {numbers.listed(models)}."


def cost_sentence(candidate: Candidate) -> str | None:
    """What a model costs; None where nothing was measured."""
    costs = (
        f"{numbers.time(candidate.seconds_fit)} to train",
        f"{numbers.time(candidate.seconds_per_image)} to classify an image",
        f"{numbers.memory(candidate.memory_mb)} of memory at most",
        f"{numbers.size(candidate.model_bytes)} on disk",
    )
    parts = [cost for cost in costs if not cost.startswith(numbers.NONE)]
    return f"{candidate.model} takes {numbers.listed(parts)}." if parts else None


def baseline_sentence(record: Recommendation) -> str:
    """How the choice compares with always predicting one class, the best one."""
    criterion, baseline, choice = record.criterion, record.baseline, record.candidate(record.choice)
    accuracy, value = criterion.metric == "accuracy", choice.score.value or 0.0
    if accuracy:
        guess = (
            f"The baseline, always predicting {baseline.predicted} (the most frequent class), classifies "
            f"{numbers.percent(baseline.value)} of test {criterion.level}s correctly"
        )
    else:
        reached = metric_names.reached(criterion.metric, baseline.value, criterion.level)
        guess = f"The baseline, always predicting {baseline.predicted}, reaches {reached}"
    against = next(iter(record.against_baselines), None)
    if against is None or record.against_baseline == "unknown":
        return f"{guess}; {choice.model} reaches {metric_names.value(criterion.metric, value)}."
    evidence = f" (95 % CI of the difference {metric_names.bounds(criterion.metric, against.difference)})"
    if record.against_baseline == "better":
        gap = metric_names.gap(criterion.metric, criterion.advantage(value, baseline.value))
        return f"{guess}; {choice.model} is {gap} {'above that' if accuracy else 'better'}{evidence}."
    if record.against_baseline == "worse":
        return f"{guess}: better than {choice.model}{evidence}, which should not be used as it is."
    text = f"{guess}; {choice.model} is not shown to be better{evidence}"
    if criterion.against(choice.score, baseline.value) == "better":
        text += (
            f", although its own interval lies {'above' if accuracy else 'on the better side of'} that value: what "
            f"the baseline reaches on {_new(record)} depends on their mix of classes, of which "
            f"{tested_in_words(record)} tell little"
        )
    return f"{text}."


def beyond_clues_sentence(record: Recommendation) -> str | None:
    """How the choice compares with a classifier that sees no content; None where the two were not compared, or where
    the classifier may be as good, which is a warning of its own."""
    pair = next((pair for pair in record.against_baselines if pair.second == CLUES), None)
    if pair is None or pair.against != "better" or pair.difference.value is None:
        return None
    metric = record.criterion.metric
    return (
        f"Clues alone, such as size, format or brightness, are {metric_names.gap(metric, pair.difference.value)} worse "
        f"(95 % CI of the difference {metric_names.bounds(metric, pair.difference)}), so they do not explain the "
        f"result."
    )
