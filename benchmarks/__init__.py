"""Speed, memory and scale beside what a careful user would write: ``python -m benchmarks``."""
