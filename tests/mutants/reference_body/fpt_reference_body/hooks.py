"""What this plugin answers: one backbone."""

from fpt_plugins import BackboneSpec, hookimpl


def build(spec, request):
    """The module."""
    from fpt_reference_body.body import drawn

    return drawn(request)


@hookimpl
def fpt_backbones():
    """The one backbone."""
    return [
        BackboneSpec(
            name="reference-body:blocks",
            summary="two random blocks",
            source="-",
            build=build,
            embed_dim=16,
            layers=2,
            causal=True,
            inits=("random",),
        )
    ]
