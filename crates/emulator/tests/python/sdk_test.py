"""Calls the emulator with the official Python SDKs, unmodified, and prints what they return as JSON.

    sdk_test.py HOST:PORT
"""

import json
import logging
import sys

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config as CredentialConfig
from alibabacloud_sts20150401 import models
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.models import Config

ENDPOINT = sys.argv[1]
DEV = "acs:ram::1234567890123456:role/dev"

# The credential provider logs each failure with its traceback; the exception tells the same.
logging.disable(logging.CRITICAL)


def client(**config):
    return Client(Config(endpoint=ENDPOINT, protocol="https", **config))


def identity(sts):
    return sts.get_caller_identity().body.to_map()


def code(call):
    """The code with which the service refuses."""
    try:
        call()
    except Exception as error:
        return str(getattr(error, "code", None) or error)
    return "accepted"


alice = {"access_key_id": "LTAIalice", "access_key_secret": "alice-secret-for-tests"}
wrong = {"access_key_id": "LTAIalice", "access_key_secret": "wrong"}
results = {}

# The STS client, with keys of its own: ACS3 style.
results["user"] = identity(client(**alice))
results["wrong secret"] = code(lambda: identity(client(**wrong)))

request = models.AssumeRoleRequest(
    role_arn=DEV,
    role_session_name="alice@example.com",
    duration_seconds=900,
    policy='{"Version": "1", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
)
assumed = client(**alice).assume_role(request).body
results["assumed"] = assumed.assumed_role_user.to_map()
temporary = {
    "access_key_id": assumed.credentials.access_key_id,
    "access_key_secret": assumed.credentials.access_key_secret,
    "security_token": assumed.credentials.security_token,
}
results["role"] = identity(client(**temporary))
results["without token"] = code(lambda: identity(client(**{**temporary, "security_token": None})))
request.role_arn = "acs:ram::1234567890123456:role/nobody"
results["no such role"] = code(lambda: client(**alice).assume_role(request))
request.role_arn = "acs:ram::1234567890123456:role/admin"
results["not allowed"] = code(lambda: client(**alice).assume_role(request))

# The STS client, with keys from the credentials SDK.
keys = CredentialClient(CredentialConfig(type="access_key", **alice))
results["credentials: access key"] = identity(client(credential=keys))


def role_provider(keys):
    """Its AssumeRole is RPC style, a GET with everything in the query."""
    return CredentialClient(
        CredentialConfig(
            type="ram_role_arn",
            role_arn=DEV,
            role_session_name="provider",
            role_session_expiration=1800,
            policy='{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
            sts_endpoint=ENDPOINT,
            **keys,
        )
    )


results["credentials: role"] = identity(client(credential=role_provider(alice)))
# Its error is the answer's text: the code is within.
results["credentials: role, wrong secret"] = code(lambda: role_provider(wrong).get_credential())
chained = CredentialClient(CredentialConfig(type="sts", **temporary))
results["credentials: sts"] = identity(client(credential=chained))

print(json.dumps(results))
