//go:build tools

// Package tools keeps cert-manager in go.mod: the end-to-end tests apply its CustomResourceDefinitions.
package tools

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
)
