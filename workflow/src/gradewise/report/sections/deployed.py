"""Section: the model that is handed over, and whether it predicts what was tested."""

from __future__ import annotations

import pandas as pd

from gradewise.config.deployment import Deploy
from gradewise.predict.verification import Verification
from gradewise.report import numbers
from gradewise.report.blocks import Block, Column, Section, Table, Text
from gradewise.report.evidence import Evidence

ORDER = 5


def section(evidence: Evidence) -> Section | None:
    """Where the model is, what it was fitted on, and the comparison with the test; None where none is handed over."""
    deploy, verification = evidence.settings.deploy, evidence.verification
    if not deploy or verification is None:
        return None
    blocks: list[Block] = [Text(handed_over(evidence, deploy, verification))]
    blocks.append(Text(compared(verification), "plain" if verification.equal else "notice"))
    blocks += [Text(sentence) for sentence in onnx_sentences(verification)]
    if any(form.missing is None for form in verification.onnx):
        blocks.append(_sizes(verification))
    return Section("deployed", "The model to use", tuple(blocks))


def handed_over(evidence: Evidence, deploy: Deploy, verification: Verification) -> str:
    """Where the model is, and what it was fitted on."""
    folder, model = f"results/{evidence.dataset}/deployed", verification.model
    if not verification.equal:
        return f"No model is handed over: {model} failed the check below."
    if deploy.fit_on == "all":
        fitted = (
            f"trained again in the same way on all {numbers.many(len(evidence.manifest), 'image')}. No image is left "
            "to test it on: expect the accuracy of the tested models"
        )
    else:
        fitted = "as it was trained and tested in the first repeat"
    doubtful = evidence.recommendation.outcome.state != "ready"
    ready = "can be tried out" if doubtful else "is ready to use"
    adjusts = (
        " Its probabilities are adjusted to the expected mix of classes, see Another mix of classes."
        if deploy.adjust_probabilities
        else ""
    )
    return (
        f"{model} {ready} in {folder} and {folder}.zip, {fitted}. The folder holds the model, a model card "
        f"and images to check it with.{adjusts} To classify new images: gradewise predict {folder} new-images --output "
        "classes.csv"
    )


def compared(verification: Verification) -> str:
    """Whether the model predicts from files what was tested."""
    shown = (
        f"all {verification.images} of its test images"
        if verification.images == verification.of_images
        else f"{verification.images} of its {verification.of_images} test images, drawn at random,"
    )
    how = f"{verification.model} of the first repeat was packed in the same way and read {shown} from their files"
    difference = verification.difference
    if verification.outcome == "other classes":
        many = numbers.many(len(verification.other_class), "image")
        return f"It is not the model that was tested: {how}, and {many} got another class than in the test."
    probability = (
        "all probabilities are exactly those of the test"
        if difference == 0
        else f"no probability differs by more than {numbers.rounding(difference)}"
    )
    if verification.outcome == "other probabilities":
        return f"It is not quite the model that was tested: {how}; classes are equal, but {probability}."
    adjusted = verification.adjusted
    if adjusted is not None and not adjusted.equal:
        return (
            f"Its adjusted verdicts are not those of the test: {how}. Before the adjustment all verdicts are equal. "
            f"Adjusted to the expected mix of classes, {numbers.many(len(adjusted.other_class), 'image')} got another "
            f"class than the verdicts of the test, adjusted in the same way, and probabilities differ by up to "
            f"{numbers.rounding(adjusted.largest_difference)}."
        )
    also = (
        ""
        if adjusted is None
        else " Adjusted to the expected mix of classes, they are those of the test adjusted in the same way."
    )
    return (
        f"It predicts what was tested: {how}. All verdicts are those of the test, and {probability}.{also} From file "
        f"to verdict, an image took {numbers.time(verification.seconds_per_image)} on this machine."
    )


def onnx_sentences(verification: Verification) -> list[str]:
    """Whether the model can be used without gradewise."""
    missing = [form for form in verification.onnx if form.missing is not None]
    if missing:
        names = numbers.listed([form.member for form in missing])
        return [f"It cannot be used without gradewise: {names} has no ONNX form."]
    told = verification.onnx_verdicts
    if told is None:
        return []
    difference = told.largest_difference
    close = "are equal" if difference == 0 else f"differ by at most {numbers.rounding(difference)}"
    equal = (
        "predicts the same class for all of these images"
        if not told.other_class
        else f"predicts another class for {numbers.many(len(told.other_class), 'image')}"
    )
    script = "" if verification.script_missing else " (predict_onnx.py there)"
    told_of_it = [
        f"The folder also holds its ONNX form, which needs neither gradewise nor PyTorch{script}: it {equal}, and "
        f"probabilities {close}."
    ]
    if verification.script_missing:
        told_of_it.append(f"The folder has no script for image files, since {verification.script_missing}.")
    return told_of_it


def _sizes(verification: Verification) -> Table:
    columns = ["member", "native_bytes", "bytes", "native_seconds_per_sample", "seconds_per_sample"]
    data = pd.DataFrame([form.model_dump() for form in verification.onnx if form.missing is None])[columns]
    return Table(
        "deployed-forms",
        "Size and time per sample of the model and of its ONNX form, on one thread",
        data,
        (
            Column.name("Model", "member"),
            Column("Size", "native_bytes", numbers.size),
            Column("Size of ONNX", "bytes", numbers.size),
            Column("Time per sample", "native_seconds_per_sample", numbers.time),
            Column("Time of ONNX", "seconds_per_sample", numbers.time),
        ),
    )
