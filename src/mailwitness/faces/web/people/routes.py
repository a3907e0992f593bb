"""The routes of people."""

from __future__ import annotations

from starlette.routing import Route

from mailwitness.faces.web.people import administration, me, sign_in, sign_in_elsewhere


def people_routes() -> list[Route]:
    """Return the routes of signing in and out, of one's own account, and of the page of people."""
    return [
        Route("/login", sign_in.login, name="login"),
        Route("/login", sign_in.login_try, methods=["POST"], name="login_try"),
        Route("/login/elsewhere", sign_in_elsewhere.login_elsewhere, name="login_elsewhere"),
        Route("/login/return", sign_in_elsewhere.login_return, name="login_return"),
        Route("/logout", sign_in.logout, methods=["POST"], name="logout"),
        Route("/me", me.me, name="me"),
        Route("/me/password", me.me_password, methods=["POST"], name="me_password"),
        Route("/me/factor", me.me_factor, methods=["POST"], name="me_factor"),
        Route("/me/factor/confirm", me.me_confirm, methods=["POST"], name="me_confirm"),
        Route("/me/sessions", me.me_end, methods=["POST"], name="me_end"),
        Route("/people", administration.people, name="people"),
        Route("/people/add", administration.people_add, methods=["POST"], name="people_add"),
        Route("/people/change", administration.people_change, methods=["POST"], name="people_change"),
        Route("/people/token", administration.people_token, methods=["POST"], name="people_token"),
    ]
