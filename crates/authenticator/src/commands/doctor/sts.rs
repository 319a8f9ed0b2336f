//! Is STS there, and do the clocks agree?

use cluster::Clock;
use jiff::{SignedDuration, Timestamp};
use openapi::api::{ApiError, Fault};
use openapi::sts::{Client, ClientOptions, Probe, StsError};

use super::report::{Finding, Subject};
use crate::config::ServerConfig;
use crate::version::VERSION;

/// Beyond this the server refuses fresh tokens of clients whose clocks are right: they seem to come from the future.
const SKEW_FAILS: SignedDuration = SignedDuration::from_mins(5);
/// Clocks that are kept by NTP are nearer than this; STS's is told in whole seconds.
const SKEW_WARNS: SignedDuration = SignedDuration::from_secs(10);

/// Both findings, or the one that STS is not there.
pub(super) async fn check(config: &ServerConfig, clock: &Clock) -> Vec<Finding> {
    let options = ClientOptions {
        ca_file: config.sts_ca_file.clone(),
        connect_timeout: config.sts_connect_timeout,
        timeout: config.sts_timeout,
        ..ClientOptions::new(config.sts.clone(), format!("ack-ram-authenticator/{VERSION}"))
    };
    let client = match Client::new(&options) {
        Ok(client) => client,
        Err(error) => {
            let mend = "mend the CA file or the proxy setting that the message names";
            return vec![Finding::fail(Subject::Sts, error.to_string(), mend)];
        }
    };
    match client.probe().await {
        Ok(probe) => {
            let endpoint = client.endpoint().to_string();
            let mut findings = vec![reached(&endpoint, client.proxy(), &probe)];
            findings.extend(probe.date.map(|date| compare_clocks(date, clock.now())));
            findings
        }
        Err(error) => vec![Finding::fail(Subject::Sts, error.to_string(), advice(&error))],
    }
}

fn advice(error: &StsError) -> &'static str {
    match error {
        StsError::Api(ApiError::Network { fault: Fault::Tls { .. }, .. }) => {
            "nobody can log in: give the authority of what answers there with --sts-ca-file, or mend the proxy or endpoint that stands in STS's place"
        }
        StsError::Api(ApiError::Network { fault: Fault::Timeout { .. }, .. }) => {
            "nobody can log in: open the way to STS (security group, route, NAT gateway or PrivateLink; HTTPS_PROXY and NO_PROXY), or ask another address with --region or --sts-endpoint"
        }
        _ => {
            "nobody can log in: check the name's DNS, the way to it, HTTPS_PROXY and NO_PROXY, and --region or --sts-endpoint (a VPC address answers inside its VPC only)"
        }
    }
}

fn reached(endpoint: &str, proxy: Option<&str>, probe: &Probe) -> Finding {
    let through = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
    let Probe { status, looks_like_sts, took, .. } = probe;
    let milliseconds = took.as_millis();
    if !looks_like_sts {
        return Finding::fail(
            Subject::Sts,
            format!("what answers at {endpoint}{through} is not STS (HTTP {status})"),
            "nobody can log in: check --sts-endpoint and --region, and that no proxy answers in STS's place",
        );
    }
    if *status >= 500 || *status == 429 {
        return Finding::warn(
            Subject::Sts,
            format!("STS at {endpoint}{through} answers, but not now (HTTP {status})"),
            "logins wait while this lasts; Alibaba Cloud's status page tells more",
        );
    }
    Finding::ok(Subject::Sts, format!("STS answers at {endpoint}{through}, in {milliseconds} ms"))
}

/// `there` is in whole seconds.
fn compare_clocks(there: Timestamp, here: Timestamp) -> Finding {
    let ahead = here.duration_since(there);
    let off = ahead.abs();
    // The answer took its time, and the header leaves out what is below a second.
    if off <= SKEW_WARNS {
        return Finding::ok(Subject::Clock, "this machine's clock agrees with STS's");
    }
    let side = if ahead.is_negative() { "behind" } else { "ahead of" };
    let found = format!("this machine's clock is {} s {side} STS's", off.as_secs());
    let mend = "set the clock: run an NTP client (chrony, systemd-timesyncd) on this machine";
    if off >= SKEW_FAILS {
        Finding::fail(Subject::Clock, found, format!("good tokens are refused: {mend}"))
    } else {
        Finding::warn(Subject::Clock, found, mend)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::super::report::State;
    use super::*;

    #[test]
    fn clocks_that_differ_are_told_with_side_and_size() {
        let here: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        for (there, state, said) in [
            ("2026-11-23T12:00:00Z", State::Ok, "agrees"),
            ("2026-11-23T11:59:51Z", State::Ok, "agrees"),
            ("2026-11-23T12:01:00Z", State::Warn, "60 s behind"),
            ("2026-11-23T11:58:00Z", State::Warn, "120 s ahead of"),
            ("2026-11-23T12:05:00Z", State::Fail, "300 s behind"),
            ("2026-11-23T10:00:00Z", State::Fail, "7200 s ahead of"),
        ] {
            let finding = compare_clocks(there.parse().unwrap(), here);
            assert_eq!(finding.state, state, "{there}: {finding:?}");
            assert!(finding.found.contains(said), "{finding:?}");
        }
    }

    #[test]
    fn a_page_that_is_not_sts_fails_and_a_busy_sts_is_told() {
        let probe = Probe { status: 400, looks_like_sts: true, date: None, took: Duration::from_millis(7) };
        assert_eq!(reached("sts", None, &probe).state, State::Ok);
        assert_eq!(reached("sts", None, &Probe { status: 503, ..probe.clone() }).state, State::Warn);
        let portal = Probe { status: 200, looks_like_sts: false, ..probe };
        let finding = reached("sts", Some("proxy:3128"), &portal);
        assert!(finding.state == State::Fail && finding.found.contains("proxy:3128"), "{finding:?}");
    }
}
