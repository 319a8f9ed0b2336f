"""Reads credentials with the official Python SDK, unmodified, and prints what it found as JSON.

    read_back.py uri URL | ini FILE | cli FILE | external COMMAND
"""

import json
import sys

from alibabacloud_credentials.provider import (
    CLIProfileCredentialsProvider,
    ExternalCredentialsProvider,
    ProfileCredentialsProvider,
    URLCredentialsProvider,
)

kind, value = sys.argv[1:]
provider = {
    "uri": lambda: URLCredentialsProvider(uri=value),
    "ini": lambda: ProfileCredentialsProvider(profile_file=value, profile_name="default"),
    "cli": lambda: CLIProfileCredentialsProvider(profile_file=value),
    "external": lambda: ExternalCredentialsProvider(process_command=value),
}[kind]()
found = provider.get_credentials()
print(json.dumps([found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token() or ""]))
