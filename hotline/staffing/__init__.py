"""How many agents each part of a day needs: a forecast and a target in, a plan out."""
