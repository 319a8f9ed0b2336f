//! How long a certificate is good for, in the way Go programs write durations.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

const MIN_MINUTES: i64 = 15;
const MAX_MINUTES: i64 = 4320;
const NANOSECONDS: u128 = 1_000_000_000;

/// `0` (Container Service decides), or 15 minutes to 72 hours: the limits of `TemporaryDurationMinutes` of
/// `DescribeClusterUserKubeconfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiration(SignedDuration);

impl Expiration {
    pub(crate) const DEFAULT: &str = "3h0m0s";

    /// The duration; zero where Container Service decides.
    pub(crate) fn duration(self) -> SignedDuration {
        self.0
    }

    /// Whole minutes, as the API wants them; none where Container Service decides.
    pub(crate) fn minutes(self) -> Option<u32> {
        u32::try_from(self.0.as_mins()).ok().filter(|minutes| *minutes > 0)
    }
}

impl FromStr for Expiration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = parse(text)
            .ok_or("write a duration with its units, for example 3h, 90m or 1h30m0s; 0 leaves it to ACK")?;
        let minutes = duration.as_mins();
        match duration.is_zero() || (MIN_MINUTES..=MAX_MINUTES).contains(&minutes) && minutes_fit(duration) {
            true => Ok(Self(duration)),
            false => Err("ACK issues certificates for 15m to 72h; 0 leaves it to ACK".to_owned()),
        }
    }
}

/// 72 hours and a second are more than 72 hours.
fn minutes_fit(duration: SignedDuration) -> bool {
    duration <= SignedDuration::from_mins(MAX_MINUTES)
}

/// The syntax of Go's `time.ParseDuration`, without negative ones.
pub(crate) fn parse(text: &str) -> Option<SignedDuration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut total: u128 = 0;
    loop {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = rest.split_at_checked(number)?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end)?;
        total = total.checked_add(part(digits, unit)?)?;
        rest = next;
        if rest.is_empty() {
            break;
        }
    }
    let seconds = i64::try_from(total.checked_div(NANOSECONDS)?).ok()?;
    let nanoseconds = i32::try_from(total.checked_rem(NANOSECONDS)?).ok()?;
    Some(SignedDuration::new(seconds, nanoseconds))
}

/// `1.5` and `h`, in nanoseconds.
fn part(digits: &str, unit: &str) -> Option<u128> {
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOSECONDS,
        "m" => NANOSECONDS.checked_mul(60)?,
        "h" => NANOSECONDS.checked_mul(3600)?,
        _ => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() > 12 || fraction.len() > 12 {
        return None;
    }
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let of_fraction = number(fraction)?.checked_mul(unit)?.checked_div(scale)?;
    number(whole)?.checked_mul(unit)?.checked_add(of_fraction)
}

impl fmt::Display for Expiration {
    /// As Go's `Duration.String` has it: `3h0m0s`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minutes, hours) = (self.0.as_mins(), self.0.as_hours());
        let seconds = self.0.as_secs().checked_rem(60).unwrap_or(0);
        if hours > 0 {
            write!(formatter, "{hours}h")?;
        }
        if minutes > 0 {
            write!(formatter, "{}m", minutes.checked_rem(60).unwrap_or(0))?;
        }
        let fraction = format!("{:09}", self.0.subsec_nanos());
        match fraction.trim_end_matches('0') {
            "" => write!(formatter, "{seconds}s"),
            fraction => write!(formatter, "{seconds}.{fraction}s"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_durations_as_go_does() {
        for (text, written, minutes) in [
            ("3h0m0s", "3h0m0s", Some(180)),
            ("3h", "3h0m0s", Some(180)),
            ("15m", "15m0s", Some(15)),
            ("1.5h", "1h30m0s", Some(90)),
            ("72h", "72h0m0s", Some(4320)),
            ("+20m30.5s", "20m30.5s", Some(20)),
            ("900000ms", "15m0s", Some(15)),
            ("0", "0s", None),
            ("0s", "0s", None),
            ("0h0m", "0s", None),
        ] {
            let expiration: Expiration = text.parse().unwrap();
            assert_eq!((expiration.to_string().as_str(), expiration.minutes()), (written, minutes), "{text}");
            assert_eq!(expiration.to_string().parse(), Ok(expiration));
        }
        let default: Expiration = Expiration::DEFAULT.parse().unwrap();
        assert_eq!(default.to_string(), Expiration::DEFAULT);
    }

    #[test]
    fn refuses_what_ack_would_refuse_and_what_is_no_duration() {
        for text in ["14m59s", "72h1s", "100h", "1s", "1ns"] {
            let error = text.parse::<Expiration>().unwrap_err();
            assert!(error.contains("15m to 72h"), "{text}: {error}");
        }
        for text in
            ["", "180", "3 h", "h", "-3h", "3d", "3hh", "3h ", ".h", "1.2.3h", "99999999999999999h", "٣h"]
        {
            let error = text.parse::<Expiration>().unwrap_err();
            assert!(error.contains("units"), "{text}: {error}");
        }
    }
}
