"""Gives MiniStack's event source mappings their MaximumConcurrency as a number.

A template's parameter is text wherever it is used, and CloudFormation makes it what the property needs. MiniStack
1.5.33 does so for the other properties of a mapping, keeps this one as text, and then can't poll the queue.
"""

import sys

import boto3


def main(endpoint):
    client = boto3.client("lambda", endpoint_url=endpoint)
    for page in client.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            if "ScalingConfig" in mapping:
                # The SDK reads the text as a number already: writing it back is all it takes.
                client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=mapping["ScalingConfig"])


if __name__ == "__main__":
    main(*sys.argv[1:])
