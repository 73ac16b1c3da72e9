"""Parameters that a policy adds to a body and trains in its place: LoRA, bottlenecks, virtual tokens."""
