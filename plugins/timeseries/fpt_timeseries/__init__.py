"""Forecasting and classification of time series with frozen pretrained transformers."""
