"""Placing callbacks: due promises go through the queue core to agents, who ring the customers."""
