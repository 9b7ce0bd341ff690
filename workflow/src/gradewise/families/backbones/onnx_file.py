"""Backbones in ONNX files: reads one, cuts it at a layer, puts pixels in front of it and pooling behind it.

ONNX files come from many programs. What is not understood is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, inliner, numpy_helper, version_converter

from gradewise.config.backbones import Backbone
from gradewise.config.section import suggestion
from gradewise.families.graph import FORMAT, OF_BACKBONE, OPERATORS, PIXELS, session_of

LARGEST = 2**31 - 1
"""Bytes that an ONNX file can have."""

FLOATS = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16", TensorProto.DOUBLE: "float64"}

MOST_LISTED = 12
"""Layers that an error names, the last ones of the network."""

OWN = "gradewise/"
"""Starts the names of tensors that are added to a network."""


@dataclass(frozen=True)
class Input:
    """What a network takes.

    Attributes
    ----------
    name : str
    kind : int
        Type of its numbers, as ONNX counts them.
    channels : int
    channels_last : bool
        Whether channels are the last axis, as in TensorFlow, or the second one.
    height, width : int or None
        None: any.
    """

    name: str
    kind: int
    channels: int
    channels_last: bool
    height: int | None
    width: int | None

    def check(self, shape: tuple[int, int, int]) -> None:
        """Check that it takes samples of a shape: height, width, channels; grey ones are repeated for three channels.

        Raises
        ------
        ValueError
            If it does not.
        """
        height, width, channels = shape
        if (self.height or height, self.width or width) != (height, width):
            fixed = f"{self.height or 'any'} x {self.width or 'any'}"
            resize = f", e.g. {{resize: {self.height}}}" if self.height == self.width else ""
            raise ValueError(
                f"takes samples of {fixed} px and nothing else, and those of the view have {height} x {width}; use a "
                f"view of that size{resize}"
            )
        if self.channels == 1 and channels != 1:
            raise ValueError("takes grey samples, and those of the view have colours; use a view that starts with grey")
        if channels not in (1, self.channels):
            raise ValueError(f"takes {self.channels} channels, and samples of the view have {channels}")


@dataclass(frozen=True)
class Layer:
    """A tensor that a network computes; lengths of its axes are texts where the file does not know them."""

    name: str
    shape: tuple[int | str, ...]


def read_network(path: Path) -> ModelProto:
    """Read an ONNX file.

    Raises
    ------
    ValueError
        If it is none, keeps its weights elsewhere, or has operators too old to be converted.
    """
    if path.stat().st_size > LARGEST:
        raise ValueError(f"has {path.stat().st_size} bytes, more than an ONNX file can have")
    try:
        model = onnx.load_model(path, load_external_data=False)
        is_whole = all(tensor.data_location != TensorProto.EXTERNAL for tensor in model.graph.initializer)
        if is_whole:
            onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise ValueError(f"is no ONNX file that can be read ({' '.join(str(error).split())[:200]})") from error
    if not is_whole:
        raise ValueError("keeps its weights in another file; export it as one file (PyTorch: external_data=False)")
    if model.functions:
        model = inliner.inline_local_functions(model)
    version = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    if version < OPERATORS[""]:
        try:
            model = version_converter.convert_version(model, OPERATORS[""])
        except Exception as error:
            raise ValueError(
                f"has operators of version {version}, which cannot be converted ({str(error)[:200]}); export the "
                f"network with version {OPERATORS['']} or later"
            ) from error
    model.ir_version = max(model.ir_version, FORMAT)
    return model


def input_of(model: ModelProto) -> Input:
    """What a network takes.

    Raises
    ------
    ValueError
        If it takes anything else than images.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        raise ValueError(f"takes {len(inputs)} inputs ({', '.join(value.name for value in inputs)}), not one of images")
    tensor = inputs[0].type.tensor_type
    # some programs write -1 where any length will do
    lengths = [axis.dim_value if axis.dim_value > 0 else None for axis in tensor.shape.dim]
    if tensor.elem_type not in FLOATS or len(lengths) != 4:
        kind = TensorProto.DataType.Name(tensor.elem_type).lower()
        raise ValueError(
            f"takes {inputs[0].name}, {kind} of {len(lengths)} axes; images are floating-point numbers of 4 axes"
        )
    if lengths[0] not in (None, 1):
        raise ValueError(f"takes {lengths[0]} images at a time; export it for one, or for any number")
    last = lengths[1] not in (1, 3) and lengths[3] in (1, 3)
    channels, height, width = (lengths[3], lengths[1], lengths[2]) if last else (lengths[1], lengths[2], lengths[3])
    if channels not in (None, 1, 3):
        raise ValueError(f"takes images of {channels} channels; those of 1 or 3 can be used")
    return Input(inputs[0].name, tensor.elem_type, channels or 3, last, height, width)


def layers(model: ModelProto) -> list[Layer]:
    """Tensors that can be taken, in the order in which they are computed: maps, tokens and vectors of an image."""
    inferred = onnx.shape_inference.infer_shapes(model)
    known = {value.name: value.type.tensor_type for value in (*inferred.graph.value_info, *inferred.graph.output)}
    of_image, taken = {input_of(model).name}, []
    for node in model.graph.node:
        if of_image.isdisjoint(_names(node)):
            continue
        of_image.update(node.output)
        for name in node.output:
            tensor = known.get(name)
            if tensor is not None and tensor.elem_type in FLOATS and 2 <= len(tensor.shape.dim) <= 4:
                lengths = (axis.dim_value if axis.dim_value > 0 else axis.dim_param or "?" for axis in tensor.shape.dim)
                taken.append(Layer(name, tuple(lengths)))
    return taken


def describe_network(model: ModelProto) -> str:
    """What a network takes, and how large it is, in words.

    Raises
    ------
    ValueError
        If it takes anything else than images.
    """
    taken = input_of(model)
    size = f"{taken.height or 'any'} x {taken.width or 'any'} px"
    return (
        f"a network of {count_parameters(model.graph):,} parameters that takes images of {taken.channels} "
        f"channel{'s' if taken.channels > 1 else ''} and {size}"
    )


def widest(found: Sequence[Layer]) -> Layer:
    """The last map of more than one place, else the last tensor."""
    maps = [layer for layer in found if len(layer.shape) > 2 and layer.shape[-2:] != (1, 1)]
    return maps[-1] if maps else found[-1]


def count_parameters(graph: GraphProto) -> int:
    """Number of the network's constants that are no whole numbers, also in graphs inside of it."""
    tensors = [tensor for tensor in graph.initializer if not tensor.name.startswith(OWN)]
    inner = 0
    for node in graph.node:
        for attribute in node.attribute:
            inner += count_parameters(attribute.g) if attribute.HasField("g") else 0
            tensors += [attribute.t] if node.op_type == "Constant" and attribute.HasField("t") else []
    return inner + sum(int(np.prod(tensor.dims)) for tensor in tensors if tensor.data_type in FLOATS)


def embedding_graph(
    model: ModelProto, backbone: Backbone, layer: str | None, shape: tuple[int, int, int]
) -> ModelProto:
    """The graph from uint8 samples (n, height, width, channels) to float32 features (n, 1, 1, features) of a layer.

    Networks may be made for one image at a time, so the graph goes through samples one by one.

    Raises
    ------
    ValueError
        If there is no such layer, or the network cannot work with such samples.
    """
    taken, computed = input_of(model), {name for node in model.graph.node for name in node.output if name}
    if layer is None or layer not in computed:
        names = [each.name for each in layers(model)]
        problem = "none is given" if layer is None else f"there is no {layer!r}.{suggestion(layer, names)}"
        more = f"the last {MOST_LISTED} of {len(names)}: " if len(names) > MOST_LISTED else ""
        raise ValueError(
            f"layer: {problem}; available: {more}{', '.join(names[-MOST_LISTED:])}. gradewise backbone FILE lists all"
        )
    taken.check(shape)
    if taken.channels < len(backbone.mean) or taken.channels < len(backbone.std):
        raise ValueError("takes one channel; give one number as mean and std")
    nodes, constants = _before(taken, backbone, shape)
    kept = _needed(model.graph, layer)
    needed = {name for node in kept for name in _names(node)}
    constants += [tensor for tensor in model.graph.initializer if tensor.name in needed]
    nodes += kept
    length = _add_pooling(nodes, constants, layer, _trial(model, nodes, constants, layer, shape))
    return _over_samples(model, nodes, constants, shape, length)


def _before(taken: Input, backbone: Backbone, shape: tuple[int, int, int]) -> tuple[list[NodeProto], list[TensorProto]]:
    """Nodes from a uint8 sample to the input of a network, and their constants."""
    height, width, channels = shape
    ones = (1, 1, 1, taken.channels) if taken.channels_last else (1, taken.channels, 1, 1)
    sizes = (1, height, width, channels) if taken.channels_last else (1, channels, height, width)
    constants = {
        "size": np.array(sizes, np.int64),
        "white": np.array(255, np.float32),
        "mean": np.broadcast_to(np.array(backbone.mean, np.float32), taken.channels).reshape(ones),
        "std": np.broadcast_to(np.array(backbone.std, np.float32), taken.channels).reshape(ones),
    }
    perm = [0, 1, 2] if taken.channels_last else [2, 0, 1]
    nodes = [
        helper.make_node("Cast", [f"{OWN}sample"], [f"{OWN}floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", [f"{OWN}floats"], [f"{OWN}turned"], perm=perm),
        helper.make_node("Reshape", [f"{OWN}turned", f"{OWN}size"], [f"{OWN}image"]),
        helper.make_node("Div", [f"{OWN}image", f"{OWN}white"], [f"{OWN}shares"]),
        helper.make_node("Sub", [f"{OWN}shares", f"{OWN}mean"], [f"{OWN}centred"]),
        helper.make_node("Div", [f"{OWN}centred", f"{OWN}std"], [f"{OWN}scaled"]),
        helper.make_node("Cast", [f"{OWN}scaled"], [taken.name], to=taken.kind),
    ]
    return nodes, [
        numpy_helper.from_array(np.ascontiguousarray(values), f"{OWN}{name}") for name, values in constants.items()
    ]


def _needed(graph: GraphProto, layer: str) -> list[NodeProto]:
    """The nodes that a layer is computed by, in order."""
    needed, kept = {layer}, []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(_names(node))
    return kept[::-1]


def _names(node: NodeProto) -> Iterator[str]:
    """Names of what a node reads, also inside of its subgraphs."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _names(inner)
            yield from (value.name for value in graph.output)


def _trial(
    model: ModelProto,
    nodes: Sequence[NodeProto],
    constants: Sequence[TensorProto],
    layer: str,
    shape: tuple[int, int, int],
) -> np.ndarray:
    """The layer for a black sample."""
    sample = helper.make_tensor_value_info(f"{OWN}sample", TensorProto.UINT8, shape)
    graph = helper.make_graph(nodes, "trial", [sample], [onnx.ValueInfoProto(name=layer)], constants)
    try:
        session = session_of(_model(model, graph).SerializeToString(), quiet=True)
        values = np.asarray(session.run(None, {f"{OWN}sample": np.zeros(shape, np.uint8)})[0])
    except Exception as error:
        height, width, _ = shape
        reason = " ".join(str(error).split())[-300:]
        raise ValueError(f"cannot work with samples of {height} x {width} px ({reason})") from error
    if values.dtype.kind != "f" or not 2 <= values.ndim <= 4 or len(values) != 1:
        raise ValueError(
            f"layer: {layer!r} is {values.dtype} of shape {values.shape}; floating-point maps, tokens and vectors of "
            "one image can be used"
        )
    return values


def _add_pooling(nodes: list[NodeProto], constants: list[TensorProto], layer: str, values: np.ndarray) -> int:
    """Add nodes from a layer to a row of features, and return how many there are."""
    nodes.append(helper.make_node("Cast", [layer], [f"{OWN}layer"], to=TensorProto.FLOAT))
    last = f"{OWN}layer"
    length = values.size
    if values.ndim == 3:
        # tokens (1, places, channels)
        nodes.append(helper.make_node("Transpose", [last], [f"{OWN}channels"], perm=[0, 2, 1]))
        last, values = f"{OWN}channels", values.transpose(0, 2, 1)
    if values.size > values.shape[1]:
        length = 2 * values.shape[1]
        nodes += [
            helper.make_node("GlobalAveragePool", [last], [f"{OWN}means"]),
            helper.make_node("GlobalMaxPool", [last], [f"{OWN}maxima"]),
            helper.make_node("Concat", [f"{OWN}means", f"{OWN}maxima"], [f"{OWN}pooled"], axis=1),
        ]
        last = f"{OWN}pooled"
    constants.append(numpy_helper.from_array(np.array([1, 1, length], np.int64), f"{OWN}row"))
    nodes.append(helper.make_node("Reshape", [last, f"{OWN}row"], [f"{OWN}features"]))
    return length


def _over_samples(
    model: ModelProto,
    nodes: Sequence[NodeProto],
    constants: Sequence[TensorProto],
    shape: tuple[int, int, int],
    length: int,
) -> ModelProto:
    """What is done to one sample, done to each of any number."""
    sample = helper.make_tensor_value_info(f"{OWN}sample", TensorProto.UINT8, shape)
    row = helper.make_tensor_value_info(f"{OWN}features", TensorProto.FLOAT, [1, 1, length])
    body = helper.make_graph(nodes, "sample", [sample], [row], constants)
    scan = helper.make_node("Scan", [PIXELS], [OF_BACKBONE], body=body, num_scan_inputs=1)
    pixels = helper.make_tensor_value_info(PIXELS, TensorProto.UINT8, ["samples", *shape])
    features = helper.make_tensor_value_info(OF_BACKBONE, TensorProto.FLOAT, ["samples", 1, 1, length])
    return _model(model, helper.make_graph([scan], "gradewise", [pixels], [features]))


def _model(source: ModelProto, graph: GraphProto) -> ModelProto:
    """A model of a graph with the operators of another model."""
    return helper.make_model(graph, opset_imports=source.opset_import, ir_version=source.ir_version)
