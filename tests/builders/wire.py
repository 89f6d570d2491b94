"""A DynamoDB client whose requests go nowhere: each gets the next response of a list."""

import json

import boto3
from botocore.awsrequest import AWSResponse


class Wire:
    """Answers each request with the next (status, body), and keeps the requests."""

    def __init__(self, *responses, client=None):
        self.responses = list(responses)
        self.requests = []
        self.client = client or boto3.client("dynamodb", **ADDRESS)
        self.client.meta.events.register_first("before-send.dynamodb", self.response)

    def response(self, request, **_):
        self.requests.append(json.loads(request.body))
        status, body = self.responses.pop(0)
        response = AWSResponse(request.url, status, {}, None)
        response._content = json.dumps(body).encode()
        return response


ADDRESS = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
