"""The page *Data*: as it was known, corrections, quality."""

from fastapi import APIRouter

from signaltape.http.backend import Backend


def router(backend: Backend) -> APIRouter:
    """The routes of this page."""
    return APIRouter(prefix="/data")
