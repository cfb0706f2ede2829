"""Requests for callbacks from outside: from a web page or an app, by way of its server."""
