"""Calls the emulator's Container Service with the official Python SDK, unmodified, and prints what it returns as JSON.

    cs_test.py HOST:PORT CLUSTER
"""

import json
import sys

from alibabacloud_cs20151215 import models
from alibabacloud_cs20151215.client import Client as Cs
from alibabacloud_sts20150401 import models as sts_models
from alibabacloud_sts20150401.client import Client as Sts
from alibabacloud_tea_openapi.models import Config

ENDPOINT, CLUSTER = sys.argv[1:3]
DEV = "acs:ram::1234567890123456:role/dev"
USER = "222222222222222223"

alice = {"access_key_id": "LTAIalice", "access_key_secret": "alice-secret-for-tests"}
assumed = Sts(Config(endpoint=ENDPOINT, protocol="https", **alice)).assume_role(
    sts_models.AssumeRoleRequest(role_arn=DEV, role_session_name="alice")
)
credentials = assumed.body.credentials
role = {
    "access_key_id": credentials.access_key_id,
    "access_key_secret": credentials.access_key_secret,
    "security_token": credentials.security_token,
}


def error(call):
    """Code and status with which the service refuses."""
    try:
        call()
    except Exception as refusal:
        return [refusal.code, refusal.status_code]
    return "accepted"


def use(keys, **config):
    """Every operation, in the SDK's default style or the one that is asked for."""
    client = Cs(Config(endpoint=ENDPOINT, protocol="https", **keys, **config))
    seen = {}
    seen["detail"] = client.describe_cluster_detail(CLUSTER).body.to_map()
    seen["clusters"] = client.describe_clusters_v1(
        models.DescribeClustersV1Request(page_number=1, page_size=10)
    ).body.to_map()
    seen["old list"] = [
        cluster.to_map() for cluster in client.describe_clusters(models.DescribeClustersRequest(name="c1")).body
    ]
    seen["region"] = client.describe_clusters_for_region(
        "cn-hangzhou", models.DescribeClustersForRegionRequest(page_number=2, page_size=10)
    ).body.to_map()
    request = models.DescribeClusterUserKubeconfigRequest(
        private_ip_address=True, temporary_duration_minutes=30
    )
    seen["kubeconfig"] = client.describe_cluster_user_kubeconfig(CLUSTER, request).body.to_map()
    task = client.modify_cluster(CLUSTER, models.ModifyClusterRequest(enable_rrsa=True)).body.task_id
    seen["task"] = client.describe_task_info(task).body.to_map()
    addon = models.InstallClusterAddonsRequestBody(name="ack-pod-identity-webhook", version="")
    install = client.install_cluster_addons(CLUSTER, models.InstallClusterAddonsRequest([addon])).body
    seen["install"] = client.describe_task_info(install.task_id).body.state
    seen["addons"] = client.describe_cluster_addons_version(CLUSTER).body
    seen["logs"] = [line.to_map() for line in client.describe_cluster_logs(CLUSTER).body]
    force = models.CleanClusterUserPermissionsRequest(force=True)
    seen["clean"] = client.clean_cluster_user_permissions(CLUSTER, USER, force).status_code
    seen["no such cluster"] = error(lambda: client.describe_cluster_detail("c 0*~+/é(1)!'"))
    too_short = models.DescribeClusterUserKubeconfigRequest(temporary_duration_minutes=1)
    seen["too short"] = error(lambda: client.describe_cluster_user_kubeconfig(CLUSTER, too_short))
    wrong = Cs(Config(endpoint=ENDPOINT, protocol="https", **{**keys, "access_key_secret": "wrong"}, **config))
    seen["wrong secret"] = error(lambda: wrong.describe_cluster_detail(CLUSTER))
    return seen


print(
    json.dumps(
        {
            "ACS3, user": use(alice),
            "ACS3, role": use(role),
            "ROA, user": use(alice, signature_algorithm="v2"),
            "ROA, role": use(role, signature_algorithm="v2"),
        }
    )
)
