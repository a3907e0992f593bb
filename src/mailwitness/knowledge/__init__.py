"""What is known of Windows and Exchange, as data: YAML files and a typed loader that refuses unknown words."""
