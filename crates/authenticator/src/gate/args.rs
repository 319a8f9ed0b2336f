//! The gate's flags.

use std::time::Duration;

use clap::Args;
use webhook_server::flags::time;

use super::{Limits, Options};
use crate::flags::STS;

/// Flags of the gate.
#[derive(Args, Clone, Debug)]
pub struct GateArguments {
    /// How long STS's answer about a token is kept, never longer than the token lives; 0: not at all. Tokens that STS
    /// takes once (v1) are kept until they end. A revoked RAM key goes on working this long, and as long again as the
    /// API server keeps answers (--authentication-token-webhook-cache-ttl)
    #[arg(help_heading = STS, long, value_name = "TIME", value_parser = ttl, default_value = "60s")]
    pub identity_cache_ttl: Duration,
    /// Calls to STS under way at one time; at most a quarter for access keys that have not logged in here in the last 12
    /// hours, and at most a quarter for any one key
    #[arg(help_heading = STS, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536), default_value_t = Limits::default().max_in_flight)]
    pub sts_max_in_flight: u32,
    /// Calls to STS in a second; at most a quarter for access keys that have not logged in here in the last 12 hours
    #[arg(help_heading = STS, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), default_value_t = Limits::default().rate)]
    pub sts_rate: u32,
    /// Calls to STS in a second that STS refuses, for one access key; up to ten seconds' worth may come at once
    #[arg(help_heading = STS, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), default_value_t = Limits::default().rate_per_key)]
    pub sts_rate_per_key: u32,
}

impl Default for GateArguments {
    fn default() -> Self {
        let Options { identity_ttl, limits, .. } = Options::default();
        GateArguments {
            identity_cache_ttl: identity_ttl,
            sts_max_in_flight: limits.max_in_flight,
            sts_rate: limits.rate,
            sts_rate_per_key: limits.rate_per_key,
        }
    }
}

impl GateArguments {
    /// With the limit for a whole call.
    pub fn options(&self, deadline: Duration) -> Options {
        Options {
            identity_ttl: self.identity_cache_ttl,
            deadline,
            limits: Limits {
                max_in_flight: self.sts_max_in_flight,
                rate: self.sts_rate,
                rate_per_key: self.sts_rate_per_key,
            },
        }
    }
}

fn ttl(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    match time(text) {
        Some(duration) if duration <= Duration::from_secs(900) => Ok(duration),
        _ => Err("write 0, or a time up to 15m, as in 30s or 2m".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        gate: GateArguments,
    }

    fn parse(line: &str) -> Result<Options, clap::Error> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        Ok(Line::try_parse_from(words)?.gate.options(Duration::from_secs(5)))
    }

    #[test]
    fn without_flags_the_defaults_hold() {
        assert_eq!(parse("").unwrap(), Options::default());
        assert_eq!(GateArguments::default().options(Duration::from_secs(5)), Options::default());
    }

    #[test]
    fn reads_the_flags_and_refuses_what_makes_no_sense() {
        let options =
            parse("--identity-cache-ttl 0 --sts-max-in-flight 4 --sts-rate 3 --sts-rate-per-key 2").unwrap();
        assert_eq!(options.identity_ttl, Duration::ZERO);
        assert_eq!(options.limits, Limits { max_in_flight: 4, rate: 3, rate_per_key: 2 });
        assert_eq!(parse("--identity-cache-ttl 0s").unwrap().identity_ttl, Duration::ZERO);
        assert_eq!(parse("--identity-cache-ttl 2m").unwrap().identity_ttl, Duration::from_secs(120));
        for line in [
            "--identity-cache-ttl -1s",
            "--identity-cache-ttl 16m",
            "--identity-cache-ttl x",
            "--sts-rate 0",
            "--sts-max-in-flight 0",
            "--sts-rate-per-key 0",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
