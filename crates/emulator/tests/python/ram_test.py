"""Calls the emulator's RAM with the official Python SDK, unmodified, and prints what it returns as JSON.

    ram_test.py HOST:PORT
"""

import json
import sys

from alibabacloud_ram20150501 import models
from alibabacloud_ram20150501.client import Client
from alibabacloud_tea_openapi.models import Config

TRUST = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":"acs:ram::1234567890123456:root"}}]}'
POLICY = json.dumps(
    {"Version": "1", "Statement": [{"Effect": "Allow", "Action": ["cs:*"], "Resource": ["*"]}]}, indent=2
)

ram = Client(
    Config(
        endpoint=sys.argv[1],
        protocol="https",
        access_key_id="LTAIalice",
        access_key_secret="alice-secret-for-tests",
    )
)


def code(call):
    """The code with which the service refuses."""
    try:
        call()
    except Exception as error:
        return str(getattr(error, "code", None) or error)
    return "accepted"


results = {}


def keep(name, response):
    results[name] = response.body.to_map()


role = models.CreateRoleRequest(
    role_name="sdk", assume_role_policy_document=TRUST, description="by the SDK", max_session_duration=7200
)
keep("create role", ram.create_role(role))
results["create role again"] = code(lambda: ram.create_role(role))
keep("get role", ram.get_role(models.GetRoleRequest(role_name="sdk")))
keep(
    "update role",
    ram.update_role(
        models.UpdateRoleRequest(
            role_name="sdk", new_assume_role_policy_document=TRUST.replace(":root", ":user/bob"), new_max_session_duration=3600
        )
    ),
)
results["update role, malformed"] = code(
    lambda: ram.update_role(models.UpdateRoleRequest(role_name="sdk", new_assume_role_policy_document="{}"))
)

pages, marker = [], None
while True:
    page = ram.list_roles(models.ListRolesRequest(max_items=2, marker=marker)).body
    pages.append([role.role_name for role in page.roles.role])
    if not page.is_truncated:
        break
    marker = page.marker
results["list roles"] = pages
keep("list users", ram.list_users(models.ListUsersRequest(max_items=1000)))

keep("create user", ram.create_user(models.CreateUserRequest(user_name="sdk", display_name="SDK", comments="c")))
keep("get user", ram.get_user(models.GetUserRequest(user_name="sdk")))
keep("delete user", ram.delete_user(models.DeleteUserRequest(user_name="sdk")))
results["get deleted user"] = code(lambda: ram.get_user(models.GetUserRequest(user_name="sdk")))

keep("create policy", ram.create_policy(models.CreatePolicyRequest(policy_name="sdk", policy_document=POLICY)))
keep("get policy", ram.get_policy(models.GetPolicyRequest(policy_name="sdk", policy_type="Custom")))
attachment = {"policy_name": "sdk", "policy_type": "Custom", "role_name": "sdk"}
ram.attach_policy_to_role(models.AttachPolicyToRoleRequest(**attachment))
results["attach again"] = code(lambda: ram.attach_policy_to_role(models.AttachPolicyToRoleRequest(**attachment)))
keep("policies for role", ram.list_policies_for_role(models.ListPoliciesForRoleRequest(role_name="sdk")))
delete = models.DeleteRoleRequest(role_name="sdk")
results["delete role with policy"] = code(lambda: ram.delete_role(delete))
ram.detach_policy_from_role(models.DetachPolicyFromRoleRequest(**attachment))
keep("delete role", ram.delete_role(delete))
results["get deleted role"] = code(lambda: ram.get_role(models.GetRoleRequest(role_name="sdk")))

print(json.dumps(results))
