//go:build tools

// Package tools names the programs that the end-to-end tests build.
package tools

import _ "go.etcd.io/etcd/server/v3"
