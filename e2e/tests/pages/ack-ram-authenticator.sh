# Steps 4 to 6 of the documentation's page on ack-ram-authenticator, as a reader types them. What
# the page leaves to the reader comes from the environment: cluster_id, server and
# certificate_authority (ACK tells these two itself), arn (the page's <ARN>).
set -euo pipefail

# Step 4: generate a kubeconfig file.
ack-ram-tool credential-plugin get-kubeconfig --cluster-id $cluster_id --mode ram-authenticator-token \
    --server "$server" --certificate-authority "$certificate_authority" >kubeconfig

# Step 5: map RAM identities to RBAC permissions.
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
kubectl apply -f auth.yaml

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
kubectl apply -f binding.yaml

# Step 6: use the kubeconfig file to send requests.
export KUBECONFIG=$PWD/kubeconfig
kubectl get ns
kubectl auth whoami
