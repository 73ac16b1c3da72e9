"""Pictures as sequences of patches, for frozen pretrained transformers."""
