"""A worker whose broker and results are folders."""

import os
from pathlib import Path

from celery import Celery, signals

var = Path(os.environ["RELEASE_VAR"])
queue, results = var / "queue", var / "results"
for folder in (queue, results):
    folder.mkdir(parents=True, exist_ok=True)
app = Celery("sums", broker="filesystem://", backend=f"file://{results}")
app.conf.broker_transport_options = {
    "data_folder_in": str(queue),
    "data_folder_out": str(queue),
    "control_folder": str(queue),
}
app.conf.broker_connection_retry_on_startup = True
ready = []
signals.worker_ready.connect(lambda **_: ready.append(True), weak=False)


@app.task
def add(a: int, b: int) -> int:
    return a + b


def is_ready() -> bool:
    return bool(ready)


def ask() -> str:
    """Send a task from outside of the worker and return its answer."""
    return f"2 + 3 = {add.delay(2, 3).get(timeout=30, interval=0.05)}"
