# "ACK场景下应用程序访问云资源最佳实践" (programs on ACK reach cloud resources without access keys): its steps. Most of them are
# done in consoles; after `# console:` stand the commands that do the same. A line `#: NAME` begins a part; the scenario
# walk_through_best_practice.rs types the parts in, and looks at what they print. <name> is what the page leaves to the
# reader.

#: prepare
# Before you begin: the namespace (default) and the service account (app) are there.
kubectl create serviceaccount app --namespace default

#: enable
# console: RRSA OIDC > Enable RRSA > OK; then the URL of the OIDC provider is displayed.
ack-ram-tool rrsa enable --cluster-id <cluster_id>
ack-ram-tool rrsa status --cluster-id <cluster_id>

#: deploy
kubectl apply -f pod.yaml

#: exchange
# In the container: the token for the temporary credentials of the role.
ack-ram-tool rrsa assume-role --role-arn <role_arn> --oidc-provider-arn <oidc_provider_arn> --oidc-token-file /var/run/secrets/tokens/oidc-token

#: assume
# A RAM user calls AssumeRole.
ack-ram-tool auth whoami --role-arn <user_role_arn>
