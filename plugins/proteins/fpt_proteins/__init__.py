"""Protein sequences as tasks for fpt-plugins: remote homology, and the user's own labeled FASTA."""
