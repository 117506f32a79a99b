"""One network at initialisation, one minibatch, and the passes that proxies share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfsearch.networks.base import layers_in
from mfsearch.proxies.reference import Reference


@dataclass
class _Watch:
    """What hooks on activations write.

    Attributes:
        in_loss: Whether the gradient that passes is that of the loss.
        saliencies: Place of a layer -> its channels' saliencies.
    """

    in_loss: bool = False
    saliencies: dict[int, Tensor | float] = field(default_factory=dict)


class Probe:
    """An untrained network with a minibatch. Each pass runs when it is first asked for, and only once.

    Args:
        network: The network; it goes to the images' device and into train mode, and its batch-norm statistics move.
        images: n x channels x height x width, float.
        labels: n class numbers, int64.
        seed: Seed of whatever a proxy draws.
        teacher: Whom the network is compared with, for the scores that do.
    """

    def __init__(
        self, network: nn.Module, images: Tensor, labels: Tensor, seed: int = 0, teacher: Reference | None = None
    ) -> None:
        # On the CPU convolutions of small channel counts are a third faster in this layout; no figure depends on it.
        self.network = network.to(device=images.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        self.images = images.detach().clone(memory_format=torch.channels_last).requires_grad_()
        self.labels = labels
        self.seed, self.teacher = seed, teacher
        self._watch = _Watch()

    @property
    def classes(self) -> int:
        """Number of the network's outputs."""
        return self._forward[0].shape[1]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @cached_property
    def _layers(self) -> dict[str, nn.Module]:
        """Convolutions and linear layers by name."""
        return {name: module for name, module in self.network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}

    @cached_property
    def weight_names(self) -> tuple[str, ...]:
        """Names of the convolutions' and linear layers' weights, which are what is summed over; biases and norms are not."""
        return tuple(f"{name}.weight" for name in self._layers)

    @cached_property
    def weights(self) -> tuple[Tensor, ...]:
        """The parameters of `weight_names`."""
        return tuple(self.network.get_parameter(name) for name in self.weight_names)

    @cached_property
    def copies(self) -> tuple[int, ...]:
        """For each of `weights`, how many layers of the architecture it holds, one behind the other along its first axis."""
        return tuple(layers_in(module) for module in self._layers.values())

    @cached_property
    def _forward(self) -> tuple[Tensor, tuple[tuple[int, Tensor], ...]]:
        """Logits with their graph, and for each call of a rectifier how many it stands for, and their binary code."""
        codes: list[tuple[int, Tensor]] = []

        def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            codes.append((layers_in(module), (output.detach() > 0).flatten(1)))

        seen = self._watch  # not the probe itself: a graph whose hooks hold what holds the graph is never freed

        def watch(place: int, output: Tensor) -> None:
            activation = output.detach()

            def weigh(gradient: Tensor) -> None:
                if seen.in_loss:
                    per_image = (
                        (activation * gradient.detach()).flatten(2).sum(-1)
                        if activation.ndim > 2
                        else activation * gradient.detach()
                    )
                    seen.saliencies[place] = seen.saliencies.get(place, 0.0) + 0.5 * per_image.square().mean(0)

            output.register_hook(weigh)  # type: ignore[no-untyped-call]

        relus = [module for module in self.network.modules() if isinstance(module, nn.ReLU)]
        hooks = [module.register_forward_hook(record) for module in relus]
        for place, module in enumerate(self._layers.values()):
            hooks.append(module.register_forward_hook(lambda _m, _i, output, place=place: watch(place, output)))
        try:
            logits = self.network(self.images)
        finally:
            for hook in hooks:
                hook.remove()
        return logits, tuple(codes)

    @property
    def codes(self) -> tuple[tuple[int, Tensor], ...]:
        """For each call of an `nn.ReLU`, how many rectifiers it stands for, and which of its d units are active: bool, n x d."""
        return self._forward[1]

    def _of_loss(self, create_graph: bool) -> tuple[Tensor, ...]:
        logits = self._forward[0]
        self._watch.saliencies.clear()
        self._watch.in_loss = True
        loss = functional.cross_entropy(logits, self.labels)
        found = torch.autograd.grad(loss, self.weights, retain_graph=True, create_graph=create_graph, materialize_grads=True)
        self._watch.in_loss = False
        return found

    @cached_property
    def _gradients_with_graph(self) -> tuple[Tensor, ...]:
        return self._of_loss(create_graph=True)

    @cached_property
    def gradients(self) -> tuple[Tensor, ...]:
        """Gradients of the cross-entropy loss in the order of `weights`; zeros where the loss does not depend on a weight."""
        if "_gradients_with_graph" in self.__dict__:
            return tuple(gradient.detach() for gradient in self._gradients_with_graph)
        return self._of_loss(create_graph=False)

    @property
    def saliencies(self) -> tuple[Tensor, ...]:
        """For each of `weights`, half the mean over the images of (sum over positions of a dL/da)^2 for each channel a it makes."""
        none = [weight.new_zeros(len(weight)) for weight in self.weights]
        _ = self.gradients
        return tuple(torch.as_tensor(self._watch.saliencies.get(place, zero)) for place, zero in enumerate(none))

    @cached_property
    def hessian_gradients(self) -> tuple[Tensor, ...]:
        """Hessian of the loss times its gradient, in the order of `weights`."""
        gradients = self._gradients_with_graph
        flow = torch.stack([(gradient * gradient.detach()).sum() for gradient in gradients]).sum()
        if not flow.requires_grad:
            return tuple(torch.zeros_like(weight) for weight in self.weights)
        return torch.autograd.grad(flow, self.weights, retain_graph=True, materialize_grads=True)

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
        teacher: Whether it compares with a teacher's network.
        second_order: Whether it differentiates the gradient; those come first, and the others share their passes.
    """

    name: str
    compute: Callable[[Probe], float]
    trusted: bool = False
    free: bool = False
    teacher: bool = False
    second_order: bool = False
