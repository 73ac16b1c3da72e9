"""A whole backbone plugin: convolutions over positions that nobody trained."""

import attrs
from attrs.validators import ge

import fpt_plugins as fpt


@attrs.frozen(kw_only=True)
class ConvolutionOptions:
    """What ``--backbone-option`` takes."""

    width: int = attrs.field(default=128, validator=ge(1), metadata={"help": "of the embeddings"})
    layers: int = attrs.field(default=2, validator=ge(1), metadata={"help": "how many"})
    reach: int = attrs.field(default=5, validator=ge(1), metadata={"help": "positions that one layer sees"})


def build(_spec, request):
    """The module; what is heavy is imported here, not when backbones are listed."""
    from fpt_convolution.body import Convolution

    return Convolution(request)


RANDOM = fpt.BackboneSpec(
    name="convolution:random",
    summary="layers of causal convolution with a norm after each, never trained",
    source="-",
    build=build,
    layers=ConvolutionOptions().layers,
    causal=True,
    inits=("random",),
    options=ConvolutionOptions,
)


@fpt.hookimpl
def fpt_backbones():
    """The plugin's one backbone."""
    return [RANDOM]
