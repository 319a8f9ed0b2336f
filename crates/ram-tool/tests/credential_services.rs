//! `get-token` with credentials of an instance's role and of a credentials URI, and who the token is for then: metadata
//! service, URI and STS are one emulator, which checks every signature.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]

mod support;

use emulator::{Config, Emulator};
use jiff::Timestamp;
use openapi::network::{ProxyRules, Trust};
use openapi::sts::{Client, ClientOptions, PresignedRequest};
use support::{ALICE, CONFIG, run, token_of};
use token::Rules;
use tokio::runtime::Runtime;

const CLUSTER: &str = "c5e1a2b3c4d5e6f708192a3b4c5d6e7f8";
const DEV: &str = "acs:ram::1234567890123456:role/dev";
const OPS: &str = "acs:ram::1234567890123456:role/ops";

struct Cloud {
    emulator: Emulator,
    runtime: Runtime,
    home: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Cloud {
    /// An instance with role `dev`, whose metadata service has session tokens, wants them, or does not know them.
    fn start(tokens: &str) -> Self {
        let config = format!(
            "{CONFIG}metadata: {{account: \"1234567890123456\", role: dev, tokens: {tokens}}}\n\
             credentialsUri: {{path: /canary, account: \"1234567890123456\", role: dev}}\n"
        );
        let runtime = Runtime::new().unwrap();
        let builder = Emulator::builder(Config::from_yaml(&config, "test").unwrap())
            .metadata_listen("127.0.0.1:0".parse().unwrap());
        let emulator = runtime.block_on(builder.start()).unwrap();
        let home = tempfile::tempdir().unwrap();
        let variables = [
            ("HOME", home.path().to_str().unwrap().to_owned()),
            ("SSL_CERT_FILE", emulator.ca_file().to_str().unwrap().to_owned()),
            ("ALIBABA_CLOUD_STS_ENDPOINT", emulator.address().to_string()),
            ("ALIBABA_CLOUD_IMDS_ENDPOINT", emulator.metadata_endpoint().unwrap()),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { emulator, runtime, home, variables }
    }

    /// The aliyun CLI's file with one profile.
    fn profile(&self, keys: &str) {
        let folder = self.home.path().join(".aliyun");
        std::fs::create_dir_all(&folder).unwrap();
        let text = format!(r#"{{"current":"p","profiles":[{{"name":"p",{keys}}}]}}"#);
        std::fs::write(folder.join("config.json"), text).unwrap();
    }

    fn get_token(&self, flags: &[&str], more: &[(&str, &str)]) -> support::Outcome {
        let base = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let variables: Vec<(&str, &str)> = base.chain(more.iter().copied()).collect();
        run(&[&["credential-plugin", "get-token", "-c", CLUSTER][..], flags].concat(), &variables)
    }

    /// The ARN that the token is for, as the server that gets it finds out.
    fn who(&self, flags: &[&str], more: &[(&str, &str)]) -> String {
        let stdout = self.get_token(flags, more).success();
        let token =
            token::decode(&token_of(&stdout), &Rules::for_cluster(CLUSTER), Timestamp::now()).unwrap();
        let request = token.request();
        let options = ClientOptions::new(self.emulator.address().to_string().parse().unwrap(), "test");
        let trust = Trust::File(self.emulator.ca_file().to_owned());
        let client = Client::with_network(&options, &trust, &ProxyRules::default()).unwrap();
        let presigned = PresignedRequest {
            method: request.method.to_owned(),
            query: request.query,
            headers: request.headers,
        };
        let (principal, _) = self.runtime.block_on(client.get_caller_identity_presigned(&presigned)).unwrap();
        principal.canonical_arn().to_owned()
    }
}

#[test]
fn an_instance_logs_in_as_its_role_whatever_its_metadata_service_wants() {
    for tokens in ["optional", "required", "unsupported"] {
        let cloud = Cloud::start(tokens);
        assert_eq!(cloud.who(&["--credential-type", "imds"], &ALICE), DEV, "{tokens}");
        assert_eq!(cloud.who(&[], &[("ALIBABA_CLOUD_ECS_METADATA", "dev")]), DEV, "{tokens}");
        for role in ["", r#","ram_role_name":"dev""#] {
            cloud.profile(&format!(r#""mode":"EcsRamRole"{role}"#));
            assert_eq!(cloud.who(&[], &[]), DEV, "{tokens}");
        }
        cloud.profile(&format!(
            r#""mode":"RamRoleArnWithRoleName","ram_role_arn":"{OPS}","ram_session_name":"on-top""#
        ));
        assert_eq!(cloud.who(&[], &[]), OPS, "{tokens}");

        let only_v2 = [("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")];
        let only_v1 = [("ALIBABA_CLOUD_IMDSV2_DISABLED", "true")];
        let flags = ["--credential-type", "imds"];
        match tokens {
            "unsupported" => {
                let text = cloud.get_token(&flags, &only_v2).error();
                assert!(text.contains("ALIBABA_CLOUD_IMDSV1_DISABLED"), "{text}");
            }
            _ => assert_eq!(cloud.who(&flags, &only_v2), DEV),
        }
        match tokens {
            "required" => {
                let text = cloud.get_token(&flags, &only_v1).error();
                assert!(text.contains("the ECS metadata service at"), "{text}");
            }
            _ => assert_eq!(cloud.who(&flags, &only_v1), DEV),
        }
        let text = cloud.get_token(&[], &[("ALIBABA_CLOUD_ECS_METADATA", "other")]).error();
        assert!(text.contains("no role other"), "{text}");
    }
}

#[test]
fn a_credentials_uri_gives_the_keys_of_its_role() {
    let cloud = Cloud::start("optional");
    let uri = cloud.emulator.credentials_uri().unwrap();
    assert_eq!(cloud.who(&[], &[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri)]), DEV);
    assert_eq!(cloud.who(&["--role-arn", OPS], &[("ALIBABA_CLOUD_CREDENTIALS_URI", &uri)]), OPS);
    cloud.profile(&format!(r#""mode":"CredentialsURI","credentials_uri":"{uri}""#));
    assert_eq!(cloud.who(&[], &[]), DEV);
    cloud.profile(&format!(r#""mode":"CredentialsURI","credentials_uri":"{uri}x""#));
    let text = cloud.get_token(&["-v"], &[]).error();
    assert!(text.contains("the credentials URI at http://127.0.0.1:"), "{text}");
}
