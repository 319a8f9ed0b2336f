# Steps 2 to 6 of the documentation's page on ack-ram-authenticator, as a reader types them. What the page leaves to the
# reader comes from the environment: cluster_id; arn (the page's <ARN>); credentials, ram-user or cloudsso-user, the two
# kinds of reader that step 3 knows; admin_kubeconfig, the permission administrator's for step 5.
set -euo pipefail

# Step 2: install the client. It was downloaded into this folder.
chmod +x ./ack-ram-tool
mkdir -p $HOME/bin && cp ./ack-ram-tool $HOME/bin/ack-ram-tool && export PATH=$HOME/bin:$PATH
echo 'export PATH=$HOME/bin:$PATH' >> ~/.bash_profile
ack-ram-tool version

# Step 3: configure credentials. A RAM user has them in the environment. For a CloudSSO user, this is the profile that
# `aliyun configure --mode External --profile sso` saves with the answers that the page shows.
if [ "$credentials" = cloudsso-user ]; then
    mkdir -p ~/.aliyun
    cat >~/.aliyun/config.json <<EOT
{
	"current": "sso",
	"profiles": [
		{
			"name": "sso",
			"mode": "External",
			"process_command": "acs-sso login --profile sso",
			"region_id": "cn-shanghai",
			"output_format": "json",
			"language": "en"
		}
	],
	"meta_path": ""
}
EOT
fi

# Step 4: generate a kubeconfig file.
ack-ram-tool credential-plugin get-kubeconfig --cluster-id $cluster_id --mode ram-authenticator-token >kubeconfig

# Step 5, by the permission administrator: map RAM identities to RBAC permissions.
cat >auth.yaml <<EOT
---
apiVersion: ramauthenticator.k8s.alibabacloud/v1alpha1
kind: RAMIdentityMapping
metadata:
  name: tester
spec:
  arn: '$arn'
  username: tester
  groups:
    - system:users
EOT
KUBECONFIG=$admin_kubeconfig kubectl apply -f auth.yaml

cat >binding.yaml <<EOT
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: tester-clusterrolebinding
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: cs:ops
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: tester
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: tester2
EOT
KUBECONFIG=$admin_kubeconfig kubectl apply -f binding.yaml

# Step 6: use the kubeconfig file to send requests.
export KUBECONFIG=$PWD/kubeconfig
kubectl get ns
kubectl auth whoami
