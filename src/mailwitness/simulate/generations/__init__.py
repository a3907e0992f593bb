"""How each generation of Exchange answers an act: which records it leaves, and what they prove."""
