"""Assumes a role with a token file and the official Python SDKs, unmodified, and prints who that is as JSON.

    oidc_test.py HOST:PORT TOKEN-FILE OTHER-TOKEN-FILE
"""

import json
import logging
import sys

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.provider import OIDCRoleArnCredentialsProvider
from alibabacloud_sts20150401 import models
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.models import Config

ENDPOINT, TOKEN, OTHER = sys.argv[1:]
ROLE = "acs:ram::1234567890123456:role/app"
PROVIDER = "acs:ram::1234567890123456:oidc-provider/ack"

# The credential provider logs each failure with its traceback; the exception tells the same.
logging.disable(logging.CRITICAL)


def arn(token_file):
    """Who STS says that the holder of this token is."""
    try:
        provider = OIDCRoleArnCredentialsProvider(
            role_arn=ROLE,
            oidc_provider_arn=PROVIDER,
            oidc_token_file_path=token_file,
            role_session_name="provider",
            sts_endpoint=ENDPOINT,
        )
        credential = CredentialClient(provider=provider)
        sts = Client(Config(endpoint=ENDPOINT, protocol="https", credential=credential))
        return sts.get_caller_identity().body.arn
    except Exception as error:
        return f"refused: {error}"


def of_client(token_file):
    """What STS's own client makes of the answer, or of the refusal."""
    with open(token_file) as file:
        request = models.AssumeRoleWithOIDCRequest(
            oidcprovider_arn=PROVIDER, oidctoken=file.read(), role_arn=ROLE, role_session_name="client"
        )
    try:
        sts = Client(Config(endpoint=ENDPOINT, protocol="https"))
        return sts.assume_role_with_oidc(request).body.to_map()
    except Exception as error:
        return {"code": getattr(error, "code", None)}


print(
    json.dumps(
        {
            "provider": arn(TOKEN),
            "provider, another subject": arn(OTHER),
            "client": of_client(TOKEN),
            "client, another subject": of_client(OTHER),
        }
    )
)
