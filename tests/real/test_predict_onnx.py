"""The script for those who have no gradewise makes the same samples of real images, bit for bit."""

import numpy as np
import pytest

from gradewise.config.views import View
from gradewise.images.decode import decode, to_uint8
from gradewise.predict import predict_onnx
from gradewise.views.apply import make_samples

VIEWS = {
    "smaller": ["rgb", {"resize": 96}],
    "stretched": ["grey", {"resize": [64, 400]}],
    "larger": ["rgb", {"resize": 400}],
    "polar": ["rgb", {"resize": 96}, "polar", {"crop": {"top": 0, "left": 0, "height": 48, "width": 96}}],
    "middle": ["rgb", {"resize": 112}, {"centre_crop": 96}],
    "whole in a square": ["rgb", {"resize": {"side": 96, "keep_aspect": "pad"}}],
    "middle square": ["grey", {"resize": {"side": 96, "keep_aspect": "crop"}}],
    "tiles": ["grey", {"tile": 128}],
    "typical tile": ["grey", {"tile": 64, "keep": "typical"}],
    "tiles at random": ["grey", {"tile": 64, "keep": "random", "count": 4}, {"resize": 32}],
}


@pytest.mark.parametrize(
    ("pattern", "step"), [("fruit/dev/*.jpg", 20), ("nanotwice/images/*/*.tif", 5), ("solar-cells/**/*.png", 300)]
)
def test_samples_are_those_of_gradewise(data, pattern, step):
    images = sorted(data.glob(pattern))[::step]
    assert len(images) >= 5
    for image in images:
        decoded = decode(image)
        pixels = predict_onnx.decode(image, max_megapixels=10)
        np.testing.assert_array_equal(pixels, decoded.pixels)
        for name, operations in VIEWS.items():
            view = View.model_validate(operations)
            expected, _ = make_samples(to_uint8(decoded.pixels, 8), view, np.random.default_rng(1))
            listed = view.model_dump(mode="json")["operations"]
            actual = predict_onnx.make_samples(predict_onnx.to_uint8(pixels, 8), listed, np.random.default_rng(1))
            np.testing.assert_array_equal(actual, expected, err_msg=f"{image.name}, {name}")
