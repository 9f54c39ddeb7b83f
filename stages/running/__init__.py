"""How every stage runs: its environment, its parameters, the end of its process, and complete outputs."""
