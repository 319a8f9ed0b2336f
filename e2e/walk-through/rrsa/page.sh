# "Use RRSA to authorize different pods to access different cloud services": the commands of the page, as they stand, and
# after `# console:` those that do what the page has the reader do in a console. A line `#: NAME` begins a part; the
# scenario walk_through_rrsa.rs types the parts in, and looks at what they print. <name> is what the page leaves to the
# reader.

#: enable
# console: Cluster Information > Enable RRSA > Confirm; then the URL and the ARN of the OIDC provider are displayed.
ack-ram-tool rrsa enable --cluster-id <cluster_id>
ack-ram-tool rrsa status --cluster-id <cluster_id>

#: install
# console: Operations > Add-ons > Security > ack-pod-identity-webhook > Install.
ack-ram-tool rrsa install-helper-addon --cluster-id <cluster_id>

#: deploy
kubectl apply -f demo.yaml

#: look
kubectl -n rrsa-demo get pod demo -o yaml

#: logs
kubectl -n rrsa-demo logs demo

#: existing-role
ack-ram-tool rrsa associate-role --cluster-id <cluster_id> \
--namespace <namespace> --service-account <service_account> \
--role-name <role_name> --create-role-if-not-exist

#: manual
kubectl apply -f manual.yaml
