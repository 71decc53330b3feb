"""A network's graph in int8: ranges calibrated on photos, weights a scale a channel, by torchao's x86 quantiser.

torchao leaves a graph in which each quantised layer stands between a pair of conversions; the compiler then makes one
int8 kernel of them. It comes with `pip install 'tagmill[int8]'`.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, fx, nn

from models.compile.graph import Graph

aten = torch.ops.aten
MULTIPLY = (aten.conv2d.default, aten.conv_transpose2d.input, aten.linear.default)
KINDS = {
    aten.conv2d.default: nn.Conv2d,
    aten.linear.default: nn.Linear,
    aten.relu.default: nn.ReLU,
    aten.relu_.default: nn.ReLU,
    aten.hardtanh.default: nn.Hardtanh,  # ReLU6
    aten.hardtanh_.default: nn.Hardtanh,
    aten.hardswish.default: nn.Hardswish,
    aten.hardswish_.default: nn.Hardswish,
    aten.silu.default: nn.SiLU,
    aten.silu_.default: nn.SiLU,
    aten.add.Tensor: operator.add,
    aten.add_.Tensor: operator.add,
}


def quantise(
    graph: Graph,
    half: Collection[str],
    exact: Collection[str],
    between: torch.dtype,
    batches: Sequence[Tensor],
) -> nn.Module:
    """`graph` with all layers in int8 but those named in `half`, which compute in `between`, and `exact`, in float32.

    What layers hand on is of type `between` too. `batches` are inputs of one shape, uint8 (N, 3, H, W), on the CPU;
    their values give the ranges. Raises ImportError where torchao is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
            from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
                X86InductorQuantizer,
                get_default_x86_inductor_quantization_config,
            )
    except ImportError as error:
        raise ImportError("int8 needs torchao: pip install 'tagmill[int8]'") from error

    quantiser = X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config())
    for name in {*half, *exact}:
        quantiser.set_module_name_qconfig(f"network.{name}", None)
    with torch.no_grad():
        exported = torch.export.export(graph, (batches[0],), strict=False).module()
        _name_layers(exported)
        watched = prepare_pt2e(exported, quantiser)
        for batch in batches:
            watched(batch)
        found: fx.GraphModule = convert_pt2e(watched)
    _set_types(found, between, {f"network.{name}.weight" for name in exact})
    return found


def _name_layers(graph: nn.Module) -> None:
    """Tell the quantiser what each call is, so that it takes a convolution and its ReLU for one.

    Left alone it goes by modules: it sees no ReLU that is a function, and stops at one module used twice, as in ResNet.
    """
    assert isinstance(graph, fx.GraphModule)
    for node in graph.graph.nodes:
        if kind := KINDS.get(node.target):
            node.meta["source_fn_stack"] = [(node.name, kind)]


def _set_types(graph: fx.GraphModule, between: torch.dtype, exact: Collection[str]) -> None:
    """Layers are given `between`, those whose weights are `exact` float32: as autocast does, but with exceptions."""
    for node in list(graph.graph.nodes):
        if node.target is aten._assert_tensor_metadata.default:  # exporting wrote down types that change here
            graph.graph.erase_node(node)
        elif node.target in MULTIPLY:
            dtype = torch.float32 if node.args[1].target in exact else between
            with graph.graph.inserting_before(node):
                node.args = tuple(_cast(graph.graph, given, dtype) for given in node.args)
    graph.recompile()


def _cast(graph: fx.Graph, given: object, dtype: torch.dtype) -> object:
    return graph.call_function(aten.to.dtype, (given, dtype)) if isinstance(given, fx.Node) else given
