"""What is done about an alert without a person: derisk, fallback model, rollback, pause; one rung at a time.

Nothing here acts: ``decide`` returns a step or the reason why there is none, and ``control_event`` what a step would
put into ``control``.
"""
