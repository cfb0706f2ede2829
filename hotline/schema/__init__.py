"""From YAML to the model, with the place of every problem."""
