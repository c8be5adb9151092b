"""The page *Drift*: statistics over time, alerts."""

from fastapi import APIRouter

from signaltape.http.backend import Backend


def router(backend: Backend) -> APIRouter:
    """The routes of this page."""
    return APIRouter(prefix="/drift")
