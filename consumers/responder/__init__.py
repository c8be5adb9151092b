"""Responder: alerts in; their delivery beside the topic, and guarded steps."""
