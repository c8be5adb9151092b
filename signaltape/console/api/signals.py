"""The page *Signals*: the tape, and one signal explained."""

from fastapi import APIRouter

from signaltape.http.backend import Backend


def router(backend: Backend) -> APIRouter:
    """The routes of this page."""
    return APIRouter(prefix="/signals")
