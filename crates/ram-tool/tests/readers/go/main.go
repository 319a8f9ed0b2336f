// Reads credentials with the official Go SDK, unmodified, and prints what it found as JSON.
//
//	reader uri URL | ini FILE | cli FILE | external COMMAND
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/aliyun/credentials-go/credentials/providers"
)

func provider(kind, value string) (providers.CredentialsProvider, error) {
	switch kind {
	case "uri":
		return providers.NewURLCredentialsProviderBuilder().WithUrl(value).Build()
	case "ini":
		os.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", value)
		return providers.NewProfileCredentialsProviderBuilder().WithProfileName("default").Build()
	case "cli":
		return providers.NewCLIProfileCredentialsProviderBuilder().WithProfileFile(value).Build()
	case "external":
		return providers.NewExternalCredentialsProviderBuilder().WithProcessCommand(value).Build()
	}
	return nil, fmt.Errorf("unknown kind %q", kind)
}

func main() {
	reader, err := provider(os.Args[1], os.Args[2])
	if err == nil {
		var found *providers.Credentials
		if found, err = reader.GetCredentials(); err == nil {
			err = json.NewEncoder(os.Stdout).Encode([]string{found.AccessKeyId, found.AccessKeySecret, found.SecurityToken})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
