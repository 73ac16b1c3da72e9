"""A backbone of two small blocks, in the plainest way that keeps the contract."""
