// Lists the account's clusters through Container Service, as the demo application of RRSA's documentation does.
//
//	clusters         asks once; exit status 1 where it failed, with the SDK's error on standard error
//	clusters stay    asks again and again with one client
package main

import (
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
		err := list(client)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		if !stay {
			if err != nil {
				os.Exit(1)
			}
			return
		}
		time.Sleep(pause)
	}
}

func newClient() (*openapi.Client, error) {
	credential, err := credentials.NewCredential(nil)
	if err != nil {
		return nil, err
	}
	return openapi.NewClient(&utils.Config{
		Credential:         credential,
		Endpoint:           tea.String("cs.cn-hangzhou.aliyuncs.com"),
		Protocol:           tea.String("https"),
		SignatureAlgorithm: tea.String("v2"),
	})
}

func list(client *openapi.Client) error {
	params := &utils.Params{
		Action:      tea.String("DescribeClusters"),
		Version:     tea.String("2015-12-15"),
		Protocol:    tea.String("HTTPS"),
		Pathname:    tea.String("/clusters"),
		Method:      tea.String("GET"),
		AuthType:    tea.String("AK"),
		Style:       tea.String("ROA"),
		ReqBodyType: tea.String("json"),
		BodyType:    tea.String("array"),
	}
	answer, err := client.CallApi(params, &utils.OpenApiRequest{}, &dara.RuntimeOptions{})
	if err != nil {
		return err
	}
	clusters, ok := answer["body"].([]any)
	if !ok {
		return fmt.Errorf("Container Service answered with something else than a list: %v", answer["body"])
	}
	for _, entry := range clusters {
		cluster, _ := entry.(map[string]any)
		fmt.Printf("cluster id: %v, cluster name: %v\n", cluster["cluster_id"], cluster["name"])
	}
	return nil
}
