"""How does an app that executes another program in its own place stay an instance that is asked and ended?

`opentelemetry-instrument`, `ddtrace-run` and `newrelic-admin` execute the server, Celery executes itself on SIGHUP: the
process keeps its number and loses its threads and descriptors, the agent and the lifeline among them. The programs of
the bundle ask at their start whether they run in such a process, by a variable that holds its number.
"""

from __future__ import annotations

import os
import sys

INSTANCE = "RELEASE_INSTANCE"


def take_up() -> None:
    """Start the agent and watch the supervisor, as at the first start; a fault in that leaves the app alone."""
    try:
        _take_up()
    except Exception as error:
        from ..release.faults import tell_on_stderr

        tell_on_stderr(error, "taking up a process that was executed anew")


def _take_up() -> None:
    from ..release.context import Context
    from ..release.layout import Layout, agent_socket
    from . import agent, lifeline, reloading

    environ = os.environ
    layout = Layout.of(environ["RELEASE_ROOT"], environ["RELEASE_VERSION"], environ)
    context = Context(layout, environ["RELEASE_NAME"], environ, sys.executable)
    reloading.remember(environ)
    if context.manifest.drain_s:
        from . import drain

        drain.remember(environ)
    name = environ[INSTANCE].partition(":")[2]
    agent.start(context, lifeline.watch_parent(context.manifest.stop_timeout_s), agent_socket(name))
