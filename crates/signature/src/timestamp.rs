//! The time format of signed requests: `yyyy-MM-ddTHH:mm:ssZ`, in UTC, without fractions of a second.
//!
//! Source: "Request syntax and signature method V3", header `x-acs-date`; parameter `Timestamp` of RPC APIs.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A text that is not exactly `yyyy-MM-ddTHH:mm:ssZ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form 2026-11-22T01:43:34Z (UTC, no fractions of a second)")]
pub struct TimestampError;

/// `2026-11-22T01:43:34Z`. Fractions of a second are cut off.
pub fn format_timestamp(time: Timestamp) -> String {
    let utc = Offset::UTC.to_datetime(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        utc.year(),
        utc.month(),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second()
    )
}

/// Reads exactly what [`format_timestamp`] writes for the years 0000 to 9999: no offset other than `Z`, no
/// blank, no fraction, no leap second, no date that the calendar does not have.
///
/// # Errors
/// Everything else.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, TimestampError> {
    let time = read(text).ok_or(TimestampError)?;
    // Whatever leniency is left above, only the one spelling of this instant passes.
    if format_timestamp(time) == text { Ok(time) } else { Err(TimestampError) }
}

fn read(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (year, month_day) = date.split_once('-')?;
    let (month, day) = month_day.split_once('-')?;
    let (hour, minute_second) = time.split_once(':')?;
    let (minute, second) = minute_second.split_once(':')?;
    let civil = DateTime::new(
        year.parse().ok()?,
        month.parse().ok()?,
        day.parse().ok()?,
        hour.parse().ok()?,
        minute.parse().ok()?,
        second.parse().ok()?,
        0,
    );
    Offset::UTC.to_timestamp(civil.ok()?).ok()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_writes_the_documented_form() {
        let time = parse_timestamp("2026-11-22T01:43:34Z").unwrap();
        assert_eq!(time.as_second(), 1_795_311_814);
        assert_eq!(format_timestamp(time), "2026-11-22T01:43:34Z");
        assert_eq!(format_timestamp(Timestamp::from_millisecond(1_999).unwrap()), "1970-01-01T00:00:01Z");
    }

    #[test]
    fn refuses_every_other_form() {
        for text in [
            "",
            "Z",
            "2026-11-22",
            "2026-11-22T01:43:34",
            "2026-11-22t01:43:34z",
            "2026-11-22T01:43:34.000Z",
            "2026-11-22T01:43:34+00:00",
            "2026-11-22T01:43Z",
            "2026-11-22 01:43:34Z",
            " 2026-11-22T01:43:34Z",
            "2026-11-22T01:43:34Z ",
            "2026-11-22T1:43:34Z",
            "2026-11-22T+1:43:34Z",
            "+2026-11-22T01:43:34Z",
            "2026-02-29T01:43:34Z",
            "2026-11-31T01:43:34Z",
            "2026-13-01T01:43:34Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T23:59:60Z",
            "20261122T014334Z",
            "Sun, 22 Nov 2026 01:43:34 GMT",
            "２026-11-22T01:43:34Z",
        ] {
            assert_eq!(parse_timestamp(text), Err(TimestampError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(second in 0..253_402_300_000_i64) {
            let time = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(parse_timestamp(&format_timestamp(time)), Ok(time));
        }

        #[test]
        fn accepts_one_spelling_only(text in "[0-9]{3,4}-[0-9]{1,2}-[0-9+ ]{1,2}T[0-9]{1,2}:[0-9]{1,2}:[0-9.]{1,4}Z|.{0,25}") {
            if let Ok(time) = parse_timestamp(&text) {
                prop_assert_eq!(format_timestamp(time), text);
            }
        }
    }
}
