"""Live intake: collectors, the one writer process they hand evidence to, and what both remember."""
