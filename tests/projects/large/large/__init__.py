"""Sums a column, and makes a client of a service without speaking to it."""

import boto3
import numpy
import pandas


def main() -> None:
    table = pandas.DataFrame({"amount": numpy.arange(1_000)})
    client = boto3.client("s3", region_name="eu-north-1", aws_access_key_id="none", aws_secret_access_key="none")
    print(table["amount"].sum(), client.meta.service_model.service_name)
