"""Quality of incoming bars: marks that are stored beside a bar and change nothing else."""
