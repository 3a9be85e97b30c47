"""Changes MaximumConcurrency of MiniStack's event source mappings from a text to a number.

A template's parameter is a text, and CloudFormation converts it to the type of the property. MiniStack 1.5.33 converts
the other properties of a mapping but keeps this one as a text, and then cannot poll the queue.
"""

import sys

import boto3


def main(endpoint):
    client = boto3.client("lambda", endpoint_url=endpoint)
    for page in client.get_paginator("list_event_source_mappings").paginate():
        for mapping in page["EventSourceMappings"]:
            if "ScalingConfig" in mapping:
                # The SDK reads the text as a number, so it only has to be written back.
                client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=mapping["ScalingConfig"])


if __name__ == "__main__":
    main(*sys.argv[1:])
