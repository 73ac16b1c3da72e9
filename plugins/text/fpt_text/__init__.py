"""Next-byte prediction on any text files, for frozen pretrained transformers."""
