"""Orders are checked by pydantic; the driver is psycopg with its own libpq."""

from __future__ import annotations

import psycopg
from fastapi import FastAPI
from pydantic import BaseModel, Field, field_validator

app = FastAPI()


class Order(BaseModel):
    """What a customer wants."""

    item: str = Field(min_length=1)
    count: int = Field(gt=0)

    @field_validator("item")
    @classmethod
    def lower(cls, item: str) -> str:
        return item.lower()


class Accepted(Order):
    """An order, and what it would be kept with."""

    driver: str


@app.get("/health")
async def health() -> str:
    return "ok"


@app.post("/orders")
def order(order: Order) -> Accepted:
    return Accepted(**order.model_dump(), driver=psycopg.pq.__impl__)
