// What a pod runs: the official SDK for Go finds credentials where the environment says, and asks STS who they are.
//
//	identity         asks once; prints who it is, or the SDK's error, as one line of JSON
//	identity stay    asks again and again with one client; one line a time
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/credentials-go/credentials"
)

const pause = 200 * time.Millisecond

func main() {
	stay := len(os.Args) == 2 && os.Args[1] == "stay"
	client, err := newClient()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for {
		answer := asked(client)
		json.NewEncoder(os.Stdout).Encode(answer)
		if !stay {
			if _, failed := answer["error"]; failed {
				os.Exit(1)
			}
			return
		}
		time.Sleep(pause)
	}
}

func asked(client *openapi.Client) map[string]any {
	body, err := callerIdentity(client)
	if err != nil {
		return map[string]any{"error": fmt.Sprintf("%T", err), "message": err.Error()}
	}
	return map[string]any{"arn": body["Arn"], "account": body["AccountId"], "type": body["IdentityType"]}
}

// The client of STS: the general one of the SDK, which the clients of single services wrap.
func newClient() (*openapi.Client, error) {
	credential, err := credentials.NewCredential(nil)
	if err != nil {
		return nil, err
	}
	endpoint := os.Getenv("ALIBABA_CLOUD_STS_ENDPOINT")
	if endpoint == "" {
		endpoint = "sts.aliyuncs.com"
	}
	return openapi.NewClient(&utils.Config{
		Credential:         credential,
		Endpoint:           tea.String(endpoint),
		Protocol:           tea.String("https"),
		SignatureAlgorithm: tea.String("v2"),
	})
}

func callerIdentity(client *openapi.Client) (map[string]any, error) {
	params := &utils.Params{
		Action:      tea.String("GetCallerIdentity"),
		Version:     tea.String("2015-04-01"),
		Protocol:    tea.String("HTTPS"),
		Pathname:    tea.String("/"),
		Method:      tea.String("POST"),
		AuthType:    tea.String("AK"),
		Style:       tea.String("RPC"),
		ReqBodyType: tea.String("formData"),
		BodyType:    tea.String("json"),
	}
	answer, err := client.CallApi(params, &utils.OpenApiRequest{}, &dara.RuntimeOptions{})
	if err != nil {
		return nil, err
	}
	body, isObject := answer["body"].(map[string]any)
	if !isObject {
		return nil, fmt.Errorf("STS answered with something else than an object: %v", answer["body"])
	}
	return body, nil
}
