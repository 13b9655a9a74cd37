"""A shop with one page, from a template of its package."""

from flask import Flask, render_template


def make_app() -> Flask:
    app = Flask(__name__)
    app.add_url_rule("/health", "health", lambda: "ok")
    app.add_url_rule("/<name>", "item", lambda name: render_template("item.html", name=name))
    return app
