"""The proof that a frozen body still computes what it computed, which digests of tensors cannot give.

A forward hook, another module in a frozen one's place and an edited attribute leave every tensor
as it was. Here each frozen submodule (an attention, a feed-forward layer) is run alone on an input
that never changes, for the norms between them may train, and outputs are compared bit by bit.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from fpt_plugins.digest import tensor_bytes
from fpt_plugins.errors import FrozenError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from fpt_plugins.precision import Precision

LENGTH = 8
"""Positions of the probe's input: enough for attention to mix, too few to cost anything."""

SEED = 2103
"""Of the probe's input; it draws from a generator of its own."""

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Where ``nn.Module`` keeps the hooks that can change what it computes."""


class OutputProbe:
    """What the frozen submodules of a body compute, as it was at one moment.

    Each is called with the arguments that it got when seeded random embeddings first went through
    the body. Outputs depend on the machine, so they are compared within one process.

    Args:
        body: The backbone, some of its parameters frozen.
        precision: The device and the type that it computes in.

    Raises:
        FrozenError: A module of the body carries a hook.

    Example:
        >>> from fpt_plugins import build
        >>> arm = build("bits/xor", backbone="gpt2-mini", init="random", backbone_options={"layers": 1})
        >>> OutputProbe(arm.model.backbone, arm.precision).names
        ('model.h.0.attn', 'model.h.0.mlp')
    """

    def __init__(self, body: Any, precision: Precision) -> None:
        refuse_hooks(body)
        self._body, self._precision = body, precision
        self._structure = _structure(body)
        with self._evaluation():
            self._calls = _record_calls(body, frozen_submodules(body), precision.device)
        self._outputs = self._run()

    @property
    def names(self) -> tuple[str, ...]:
        """The submodules that are run."""
        return tuple(self._calls)

    def verify(self) -> None:
        """Compares with the body as it is now.

        Raises:
            FrozenError: A module carries a hook or was replaced, or a frozen one computes something
                else; the first one is named.
        """
        refuse_hooks(self._body)
        self._check_structure()
        outputs = self._run()
        for name in self._calls:
            if outputs[name] != self._outputs[name]:
                raise FrozenError(
                    f"the frozen submodule {_full(name)} changed what it computes while training",
                    "its tensors are as they were: look for a hook or an attribute that something set",
                )

    def _check_structure(self) -> None:
        now = _structure(self._body)
        for name in sorted(self._structure.keys() | now.keys()):
            if self._structure.get(name) != now.get(name):
                raise FrozenError(
                    f"the submodule {_full(name)} was replaced while training",
                    "nothing may swap a module of the body, its class, or its forward",
                )

    def _run(self) -> dict[str, str]:
        with self._evaluation():
            return {
                name: _output_digest(self._body.get_submodule(name), *copy.deepcopy(call))
                for name, call in self._calls.items()
            }

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        """Without dropout and without gradients, in the type that the run computes in."""
        was_training = self._body.training
        self._body.eval()
        try:
            with torch.no_grad(), self._precision.autocast():
                yield
        finally:
            self._body.train(was_training)


def refuse_hooks(body: Module) -> None:
    """Refuses a body that any module of carries a forward or backward hook.

    Raises:
        FrozenError: The first such module is named.
    """
    for name, module in body.named_modules():
        for kind in HOOKS:
            if getattr(module, kind):
                raise FrozenError(
                    f"the submodule {_full(name)} carries a hook ({kind.strip('_')}), "
                    "which can change what a frozen body computes",
                    "remove it: handle.remove(), where register_..._hook returned the handle",
                )


def frozen_submodules(body: Any) -> dict[str, Module]:
    """The modules whose parameters stand in one group and are all frozen, by name, nested ones too."""
    group_of = {
        id(body.get_parameter(name)): group
        for group, names in body.parameter_groups().items()
        for name in names
    }
    return {
        name: module
        for name, module in body.named_modules()
        if len({group_of[id(parameter)] for parameter in module.parameters()}) == 1
        and not any(parameter.requires_grad for parameter in module.parameters())
    }


def _record_calls(body: Any, modules: Mapping[str, Module], device: torch.device) -> dict[str, Any]:
    """The arguments of each module that one pass through the body calls; of nested ones, the outermost."""
    calls: dict[str, Any] = {}

    def recorder(name: str) -> Callable[..., None]:
        def record(_: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if name not in calls:
                calls[name] = copy.deepcopy((args, kwargs))

        return record

    handles = [m.register_forward_pre_hook(recorder(name), with_kwargs=True) for name, m in modules.items()]
    try:
        embeds = torch.randn(1, min(LENGTH, body.max_length), body.embed_dim, generator=_generator())
        body(embeds.to(device), torch.ones(embeds.shape[:2], dtype=torch.bool, device=device))
    finally:
        for handle in handles:
            handle.remove()
    return {name: call for name, call in calls.items() if not any(_is_inside(name, other) for other in calls)}


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def _is_inside(name: str, other: str) -> bool:
    return name != other and (not other or name.startswith(f"{other}."))


def _structure(body: Module) -> dict[str, tuple[Any, ...]]:
    """Which module stands where, of which class, and with which forward of its own if any."""
    return {
        name: (module, type(module), vars(module).get("forward")) for name, module in body.named_modules()
    }


def _output_digest(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    found = hashlib.sha256()
    for tensor in _tensors(module(*args, **kwargs)):
        found.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor_bytes(tensor))
    return found.hexdigest()


def _tensors(outputs: Any) -> Iterator[Tensor]:
    if isinstance(outputs, torch.Tensor):
        yield outputs
    elif isinstance(outputs, Mapping):
        yield from _tensors(tuple(outputs.values()))
    elif isinstance(outputs, list | tuple):
        for output in outputs:
            yield from _tensors(output)


def _full(name: str) -> str:
    return f"backbone.{name}" if name else "backbone"
