// cert-manager's CustomResourceDefinitions, which lie in its module's folder deploy/crds. Nothing of it is built.
module ack-ram-identity.invalid/control-plane/cert-manager

go 1.26.0

require github.com/cert-manager/cert-manager v1.21.2
