"""One network at initialisation, one minibatch, and the passes that proxies share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional


class Probe:
    """An untrained network with a minibatch. Each pass runs when it is first asked for, and only once.

    Args:
        network: The network; it goes to the images' device and into train mode, and its batch-norm statistics move.
        images: n x channels x height x width, float.
        labels: n class numbers, int64.
    """

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor) -> None:
        # On the CPU convolutions of small channel counts are a third faster in this layout; no figure depends on it.
        self.network = network.to(device=images.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.images = images.detach().clone(memory_format=torch.channels_last).requires_grad_()
        self.labels = labels

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @cached_property
    def weight_names(self) -> tuple[str, ...]:
        """Names of the convolutions' and linear layers' weights, which are what is summed over; biases and norms are not."""
        return tuple(
            f"{name}.weight" for name, module in self.network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)
        )

    @cached_property
    def weights(self) -> tuple[Tensor, ...]:
        """The parameters of `weight_names`."""
        return tuple(self.network.get_parameter(name) for name in self.weight_names)

    @cached_property
    def _forward(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Logits with their graph, and the binary code of each rectifier in the order of the calls."""
        codes: list[Tensor] = []

        def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            codes.append((output.detach() > 0).flatten(1))

        hooks = [module.register_forward_hook(record) for module in self.network.modules() if isinstance(module, nn.ReLU)]
        try:
            logits = self.network(self.images)
        finally:
            for hook in hooks:
                hook.remove()
        return logits, tuple(codes)

    @property
    def codes(self) -> tuple[Tensor, ...]:
        """For each call of an `nn.ReLU`, which of its d units are active: bool, n x d."""
        return self._forward[1]

    @cached_property
    def gradients(self) -> tuple[Tensor, ...]:
        """Gradients of the cross-entropy loss in the order of `weights`; zeros where the loss does not depend on a weight."""
        loss = functional.cross_entropy(self._forward[0], self.labels)
        return torch.autograd.grad(loss, self.weights, retain_graph=True, materialize_grads=True)

    @cached_property
    def jacobian(self) -> Tensor:
        """Gradient of the sum of all logits with respect to each image, n x (channels * height * width)."""
        (gradient,) = torch.autograd.grad(self._forward[0].sum(), self.images, retain_graph=True, materialize_grads=True)
        return gradient.flatten(1)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A zero-cost score.

    Attributes:
        name: Name in the registry, and of its column.
        compute: Its figure for a probe; not finite where it is undefined.
        trusted: Whether more of it is known to go with better accuracy (Spearman above .6 on every data set of NAS-Bench-201).
        free: Whether it only counts what the network is made of (its size), and needs no pass of data.
    """

    name: str
    compute: Callable[[Probe], float]
    trusted: bool = False
    free: bool = False
