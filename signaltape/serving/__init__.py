"""Answering one question at a time: what is live now, and what does it say? Behind the SDK and the HTTP API."""
