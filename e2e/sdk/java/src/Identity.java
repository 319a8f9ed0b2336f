import com.aliyun.credentials.Client;
import com.aliyun.credentials.provider.OIDCRoleArnCredentialProvider;
import com.aliyun.sts20150401.models.GetCallerIdentityResponseBody;
import com.aliyun.teaopenapi.models.Config;
import com.google.gson.Gson;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a pod runs: the official SDK for Java finds credentials where the environment says, and asks STS who they are.
 *
 * <p>Without argument it asks once and prints who it is, or the SDK's error, as one line of JSON. With "stay" it asks
 * again and again with one client, a line a time; with "watch" too, with role sessions of the shortest life (900 s), which
 * the SDK renews at each use.
 */
public final class Identity {
    private static final long PAUSE = 200;

    private Identity() {}

    public static void main(String[] args) throws Exception {
        boolean watch = args.length == 1 && args[0].equals("watch");
        boolean stay = watch || args.length == 1 && args[0].equals("stay");
        String endpoint = System.getenv().getOrDefault("ALIBABA_CLOUD_STS_ENDPOINT", "sts.aliyuncs.com");
        Config config = new Config().setCredential(credentials(watch)).setEndpoint(endpoint).setProtocol("https");
        com.aliyun.sts20150401.Client client = new com.aliyun.sts20150401.Client(config);
        Gson json = new Gson();
        while (true) {
            Map<String, String> answer = asked(client);
            System.out.println(json.toJson(answer));
            if (!stay) {
                // Threads of the HTTP client would go on for a while.
                System.exit(answer.containsKey("error") ? 1 : 0);
            }
            Thread.sleep(PAUSE);
        }
    }

    private static Client credentials(boolean watch) {
        if (!watch) {
            return new Client();
        }
        // The same provider as in the default chain, which has no setting for this.
        return new Client(OIDCRoleArnCredentialProvider.builder().durationSeconds(900).build());
    }

    private static Map<String, String> asked(com.aliyun.sts20150401.Client client) {
        Map<String, String> answer = new LinkedHashMap<>();
        try {
            GetCallerIdentityResponseBody body = client.getCallerIdentity().getBody();
            answer.put("arn", body.getArn());
            answer.put("account", body.getAccountId());
            answer.put("type", body.getIdentityType());
        } catch (Exception error) {
            answer.put("error", error.getClass().getName());
            answer.put("message", error.getMessage());
        }
        return answer;
    }
}
