"""Bit memory and bit XOR: two generated tasks for frozen pretrained transformers."""
