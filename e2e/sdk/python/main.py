"""What a pod runs: the official SDKs for Python find credentials where the environment says, and ask STS who they are.

python main.py          asks once; prints who it is, or the SDK's error, as one line of JSON
python main.py stay     asks again and again with one client; one line a time
python main.py watch    the same with role sessions of the shortest life (900 s), which the SDK renews at each use
"""

import json
import os
import sys
import time

from alibabacloud_credentials.client import Client as Credentials
from alibabacloud_credentials.models import Config as CredentialsConfig
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.models import Config

PAUSE = 0.3


def credentials(mode):
    if mode != "watch":
        return Credentials()
    # The same provider as in the default chain, which has no setting for this.
    return Credentials(CredentialsConfig(
        type="oidc_role_arn",
        role_arn=os.environ["ALIBABA_CLOUD_ROLE_ARN"],
        oidc_provider_arn=os.environ["ALIBABA_CLOUD_OIDC_PROVIDER_ARN"],
        oidc_token_file_path=os.environ["ALIBABA_CLOUD_OIDC_TOKEN_FILE"],
        role_session_expiration=900,
    ))


def asked(client):
    try:
        body = client.get_caller_identity().body
        return {"arn": body.arn, "account": body.account_id, "type": body.identity_type}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}


def main():
    mode = sys.argv[1] if len(sys.argv) > 1 else "once"
    endpoint = os.environ.get("ALIBABA_CLOUD_STS_ENDPOINT", "sts.aliyuncs.com")
    client = Sts(Config(credential=credentials(mode), endpoint=endpoint))
    while True:
        answer = asked(client)
        print(json.dumps(answer), flush=True)
        if mode == "once":
            return 1 if "error" in answer else 0
        time.sleep(PAUSE)


if __name__ == "__main__":
    sys.exit(main())
