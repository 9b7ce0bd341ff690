"""The command `gradewise predict`."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from gradewise.command import UserError
from gradewise.predict.loading import load_predictor
from gradewise.predict.locating import check_maps, write_maps
from gradewise.predict.predict import predict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `gradewise predict`."""
    parser.description = (
        "Classify new images with a model that was handed over, or with the model of a run. Files that cannot be used "
        "are listed with the reason. The same command continues where it was stopped."
    )
    parser.epilog = "example: gradewise predict results/fibres/deployed photos 'more/*.tif' --output classes.csv"
    folder = parser.add_argument(
        "folder", type=Path, help="results/<dataset>/deployed, or that of a run: .../models/<model>/<repeat>"
    )
    images = parser.add_argument(
        "images", nargs="+", help="files, folders, patterns such as 'photos/*.png', CSV with path"
    )
    output = parser.add_argument("--output", type=Path, required=True, help="CSV file with one row per image")
    parser.add_argument("--threads", type=int, help="threads for reading and predicting (default: all cores)")
    parser.add_argument(
        "--coverage",
        type=float,
        help="also write the column set: the classes that the image can have, joined by |, so that this share of sets "
        "(0.95) holds the true class",
    )
    parser.add_argument(
        "--maps",
        type=Path,
        help="also mark where the class that the model looks for shows: a folder of masks (PNG) and regions.csv",
    )
    parser.add_argument("--html", type=Path, help="also write a page with pictures, the most doubtful first")
    folder.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    images.complete = output.complete = shtab.FILE  # type: ignore[attr-defined]
    parser.set_defaults(call=_call)


def _call(arguments: argparse.Namespace) -> None:
    html: Path | None = arguments.html
    if html is not None and html.exists():
        raise UserError(f"{html}: exists; delete it or give another --html")
    if html is not None and html.with_suffix("").exists():
        # it may be the folder of the images
        raise UserError(
            f"{html}: its tables and pictures would go into {html.with_suffix('')}, which exists; give another --html"
        )
    maps: Path | None = arguments.maps
    predictor = load_predictor(arguments.folder)
    if maps is not None:
        check_maps(predictor, arguments.folder, maps)
    predict(predictor, arguments.images, arguments.output, arguments.threads, coverage=arguments.coverage)
    if maps is not None:
        write_maps(predictor, arguments.output, maps, arguments.threads)
    if html is not None:
        # draws figures, which takes a second to import
        from gradewise.deployment.verdict_page import write_page

        write_page(arguments.output, predictor, html, f"{arguments.output.stem}: images classified")
