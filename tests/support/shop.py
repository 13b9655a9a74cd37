"""An app for web servers, of both kinds, that answers everything with its word."""

from __future__ import annotations

SHOP = """\
WORD = b"%s"

def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(WORD)))])
    return [WORD]

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%%d" %% len(WORD))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": WORD})
"""
"""The module, once it is given a word."""
