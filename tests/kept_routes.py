"""What FastAPI works out of a route, once a process: a quarter of a second for each management app of a test.

It is worked out of the routes of our modules and of how they are included, so it is the same in every app; a
route that is included another way is worked out anew. Whose app answers stands with the request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from fastapi import routing

_OF_ONE_APP: Final = "dependency_overrides_provider"
"""Differs from app to app, and is asked for overrides of dependencies alone, which we have nowhere."""


def keep_routes() -> None:
    """From now on all apps of this process share what was worked out."""
    worked_out = routing._EffectiveRouteContext.from_api_route
    kept: dict[int, list[tuple[Any, Any]]] = {}

    def from_api_route(*, original_route: Any, include_context: Any) -> Any:
        """As FastAPI's; the route is held by what is kept, so its id stays its own."""
        how = replace(include_context, **{_OF_ONE_APP: None})
        known = kept.setdefault(id(original_route), [])
        for other, found in known:
            if other == how:
                return found
        found = worked_out(original_route=original_route, include_context=how)
        known.append((how, found))
        return found

    routing._EffectiveRouteContext.from_api_route = from_api_route  # type: ignore[method-assign]
