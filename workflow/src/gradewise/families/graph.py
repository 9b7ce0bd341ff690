"""Builds ONNX graphs node by node: from uint8 samples to class probabilities.

ONNX is a format of trained models that many programs and languages can run (https://onnx.ai). The versions of its
operators are old ones, so that old runtimes read the files as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from gradewise import __version__
from gradewise.resources import has_gpu

OPERATORS = {"": 13, "ai.onnx.ml": 3}
"""Version of the operators by domain; onnxruntime has them since 2021."""

FORMAT = 7
"""Version of the file format that came with these operators."""

PIXELS, OF_BACKBONE, PROBABILITIES = "pixels", "features", "probabilities"
"""Names of input and output; features are the output of a backbone."""

ON_PROCESSOR, ON_GPU = "CPUExecutionProvider", "CUDAExecutionProvider"
"""Names of onnxruntime for what runs a graph."""

ALIKE_ON_GPU = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
"""With 32 bits, features agree with a processor's; without a race of algorithms, they are the same every time."""

BATCH = 64
"""Samples that `load_graph` predicts at once, since the runtime holds all that it computes."""


class Graph:
    """The nodes and constants of a graph, in the order in which they were added.

    Parameters
    ----------
    shape : tuple of int
        Height, width and channels of a sample; 1 x 1 x d is float32 features of a backbone. A length that may
        vary has a name.
    """

    def __init__(self, shape: tuple[int | str, ...]) -> None:
        self._shape = shape
        self._type = TensorProto.FLOAT if shape[:2] == (1, 1) else TensorProto.UINT8
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str | np.ndarray, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output.

        Parameters
        ----------
        operator : str
            Its name in ONNX, e.g. ``MatMul``.
        *inputs : str or ndarray
            Names of the outputs of other nodes, `PIXELS`, or constants.
        domain : str
            Of the operator; empty for ONNX's own.
        **attributes
            Of the node.

        Returns
        -------
        str
            Name of its output.
        """
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        output = f"{operator}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, names, [output], domain=domain, **attributes))
        return output

    def floats(self, values: str) -> str:
        """Add a conversion to 32 bits."""
        return self.add("Cast", values, to=TensorProto.FLOAT)

    def doubles(self, values: str) -> str:
        """Add a conversion to 64 bits."""
        return self.add("Cast", values, to=TensorProto.DOUBLE)

    def flat_pixels(self) -> str:
        """Add what turns samples into rows of their values, uint8 (n, height x width x channels)."""
        return self.add("Flatten", PIXELS)

    def finish(self, probabilities: str, classes: int) -> onnx.ModelProto:
        """The model.

        Parameters
        ----------
        probabilities : str
            Output of the node that computes them, float32 (n, classes).
        classes : int
        """
        return self._model(probabilities, PROBABILITIES, [classes])

    def finish_features(self, features: str, count: int) -> onnx.ModelProto:
        """The model of a backbone, which is completed by one of a classifier.

        Parameters
        ----------
        features : str
            Output of the node that computes them, float32 (n, 1, 1, count).
        count : int
        """
        return self._model(features, OF_BACKBONE, [1, 1, count])

    def finish_maps(self, maps: Sequence[str]) -> onnx.ModelProto:
        """The model of some maps of a network, each of which is an output.

        Parameters
        ----------
        maps : sequence of str
            Outputs of nodes, float32 (n, channels, rows, columns).
        """
        sides = ["channels", "rows", "columns"]
        return self._of({name: [f"{side}{place}" for side in sides] for place, name in enumerate(maps)})

    def _model(self, result: str, name: str, shape: list[int]) -> onnx.ModelProto:
        self._nodes.append(helper.make_node("Identity", [result], [name]))
        return self._of({name: shape})

    def _of(self, results: Mapping[str, Sequence[int | str]]) -> onnx.ModelProto:
        pixels = helper.make_tensor_value_info(PIXELS, self._type, ["samples", *self._shape])
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["samples", *shape])
            for name, shape in results.items()
        ]
        graph = helper.make_graph(self._nodes, "gradewise", [pixels], outputs, self._constants)
        versions = [helper.make_opsetid(domain, version) for domain, version in OPERATORS.items()]
        return helper.make_model(
            graph,
            opset_imports=versions,
            ir_version=FORMAT,
            producer_name="gradewise",
            producer_version=__version__,
        )

    def _constant(self, values: np.ndarray) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


def add_projection(graph: Graph, mean: np.ndarray, components: np.ndarray) -> str:
    """Add the projection of samples on principal components, float32 (n, k), as `Pca.project` computes it."""
    centred = graph.add("Sub", graph.floats(graph.flat_pixels()), mean)
    return graph.add("MatMul", centred, components.T)


def session_of(model: bytes, quiet: bool = False, gpu: bool = False) -> onnxruntime.InferenceSession:
    """What runs a serialised model.

    Parameters
    ----------
    model : bytes
    quiet : bool
        Whether failures are told otherwise than by a log.
    gpu : bool
        Whether to use a GPU where there is one and onnxruntime can (package `onnxruntime-gpu`), and one processor
        only where not.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if quiet:
        options.log_severity_level = 4
    providers: list[str | tuple[str, dict[str, str]]] = [ON_PROCESSOR]
    if gpu and ON_GPU in onnxruntime.get_available_providers() and has_gpu():
        onnxruntime.preload_dlls()  # CUDA as it comes with PyTorch
        options.use_deterministic_compute = True
        providers.insert(0, (ON_GPU, ALIKE_ON_GPU))
    return onnxruntime.InferenceSession(model, options, providers=providers)


def load_graph(model: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """A serialised model as a function from samples to class probabilities, which uses one processor.

    Parameters
    ----------
    model : bytes

    Returns
    -------
    callable
        From uint8 (n, height, width, channels) to float32 (n, classes), a few samples at a time.
    """
    session = session_of(model)

    def predict(pixels: np.ndarray) -> np.ndarray:
        parts = [pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH)]
        return np.concatenate([session.run([PROBABILITIES], {PIXELS: part})[0] for part in parts])

    return predict
