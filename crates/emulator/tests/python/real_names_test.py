"""Gets credentials with the official Python SDK, unmodified, from where it looks for them: metadata at 100.100.100.200,
CloudSSO and OAuth at their host names on port 443. Prints who STS, at its host name too, says that they are, as JSON.

    real_names_test.py RAM-EMULATOR CONFIG

Runs where that address exists and /etc/hosts says that the names are here: in namespaces of its own.
"""

import json
import logging
import os
import subprocess
import sys
import time

emulator = subprocess.Popen(
    [sys.argv[1], "serve", "--config", sys.argv[2], "--listen", "127.0.0.1:443"]
    + ["--metadata-listen", "100.100.100.200:80"],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
)
line = emulator.stdout.readline()
if not line:
    sys.exit(emulator.stderr.read())
ready = json.loads(line)
# The variable that OpenSSL reads; and a home without credentials, so that the default chain gets to the metadata.
os.environ["SSL_CERT_FILE"] = ready["ca"]
os.environ["HOME"] = os.path.dirname(ready["ca"])

from alibabacloud_credentials.client import Client as CredentialClient
from alibabacloud_credentials.models import Config as CredentialConfig
from alibabacloud_credentials.provider import CLIProfileCredentialsProvider
from alibabacloud_sts20150401.client import Client
from alibabacloud_tea_openapi.models import Config

# The credential provider logs each failure with its traceback; the exception tells the same.
logging.disable(logging.CRITICAL)


def arn(config=None, provider=None):
    """Who STS says that these credentials are."""
    try:
        credential = CredentialClient(config, provider)
        sts = Client(Config(endpoint="sts.aliyuncs.com", protocol="https", credential=credential))
        return sts.get_caller_identity().body.arn
    except Exception as error:
        return f"refused: {error}"


def metadata(**config):
    return arn(CredentialConfig(type="ecs_ram_role", **config))


# A file such as the aliyun CLI writes. Access tokens of OAuth have ended, so that new ones are fetched.
profiles = os.path.join(os.path.dirname(ready["ca"]), "profiles.json")
sso = {
    "mode": "CloudSSO",
    "cloud_sso_sign_in_url": "https://signin-cn-shanghai.alibabacloudsso.com/start/login",
    "cloud_sso_account_id": "1234567890123456",
    "cloud_sso_access_config": "ac-00example",
    "access_token": "cloudsso-token-of-alice",
    "cloud_sso_access_token_expire": int(time.time()) + 3600,
}
oauth = {"mode": "OAuth", "oauth_access_token": "ended", "oauth_access_token_expire": 1}
with open(profiles, "w") as file:
    json.dump(
        {
            "current": "sso",
            "profiles": [
                {"name": "sso", **sso},
                {"name": "stranger", **sso, "access_token": "made-up"},
                {"name": "cn", **oauth, "oauth_site_type": "CN", "oauth_refresh_token": "refresh-token-of-alice"},
                {"name": "intl", **oauth, "oauth_site_type": "INTL", "oauth_refresh_token": "refresh-token-of-dev"},
                {"name": "no login", **oauth, "oauth_site_type": "CN", "oauth_refresh_token": "made-up"},
            ],
        },
        file,
    )


def profile(name):
    return arn(provider=CLIProfileCredentialsProvider(profile_file=profiles, profile_name=name))


def forget_keys():
    """What OAuth wrote back stays, but for the keys."""
    with open(profiles) as file:
        config = json.load(file)
    for entry in config["profiles"]:
        if entry["mode"] == "OAuth":
            entry["sts_expiration"] = 1
            entry["oauth_access_token_expire"] = 1
    with open(profiles, "w") as file:
        json.dump(config, file)


try:
    results = {
        "role looked up": metadata(),
        "role given": metadata(role_name="dev"),
        "tokens only": metadata(role_name="dev", disable_imds_v1=True),
        "another role": metadata(role_name="admin"),
        "default chain": arn(),
        "uri": arn(CredentialConfig(type="credentials_uri", credentials_uri=ready["credentialsUri"])),
        "CloudSSO": profile("sso"),
        "CloudSSO, made up": profile("stranger"),
        "OAuth CN": profile("cn"),
        "OAuth INTL": profile("intl"),
        "OAuth, made up": profile("no login"),
    }
    forget_keys()
    results["OAuth, next refresh token"] = profile("cn")
finally:
    emulator.terminate()
    log = emulator.communicate()[1]
results["log"] = log
print(json.dumps(results))
