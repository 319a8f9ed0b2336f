#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;

const LIMITS: Limits = Limits { max_in_flight: 40, rate: 400, rate_per_key: 2 };

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24) + SignedDuration::from_millis(milliseconds)
}

fn limiter() -> Limiter {
    Limiter::new(LIMITS, at(0))
}

/// Admits and ends at once, failing; how many of `count` get through.
fn failing(limiter: &mut Limiter, count: usize, now: Timestamp, key: impl Fn(usize) -> String) -> usize {
    let mut through = 0;
    for number in 0..count {
        if let Ok(admitted) = limiter.admit(&key(number), now) {
            limiter.end(&admitted, false, now);
            through += 1;
        }
    }
    through
}

#[test]
fn made_up_keys_get_a_quarter_of_the_rate_and_known_ones_the_rest() {
    let mut limiter = limiter();
    for number in 0..200 {
        limiter.mapped(&format!("known-{number}"), at(0));
    }
    assert_eq!(failing(&mut limiter, 10_000, at(0), |number| format!("made-up-{number}")), 100);
    let shed = limiter.admit("another", at(0)).unwrap_err();
    assert_eq!(shed, Shed { limit: Limit::Rate, known: false });
    assert_eq!(failing(&mut limiter, 1000, at(0), |number| format!("known-{}", number % 200)), 300);
    // A tenth of a second later there is a tenth of it again.
    assert_eq!(failing(&mut limiter, 10_000, at(100), |number| format!("more-{number}")), 10);
}

#[test]
fn made_up_keys_get_a_quarter_of_the_calls_under_way() {
    let mut limiter = limiter();
    limiter.mapped("known", at(0));
    let held: Vec<Admitted> =
        (0..40).map_while(|number| limiter.admit(&format!("made-up-{number}"), at(0)).ok()).collect();
    assert_eq!(held.len(), 10);
    assert_eq!(limiter.admit("x", at(0)).unwrap_err().limit, Limit::InFlight);
    let admitted = limiter.admit("known", at(0)).unwrap();
    assert_eq!(limiter.in_flight(), 11);
    limiter.end(&admitted, true, at(0));
    for admitted in &held {
        limiter.end(admitted, false, at(0));
    }
    assert_eq!((limiter.in_flight(), limiter.unknown_in_flight), (0, 0));
    limiter.admit("x", at(0)).unwrap();
}

#[test]
fn known_keys_together_get_all_the_calls_under_way_and_no_more() {
    let mut limiter = limiter();
    for number in 0..80 {
        limiter.mapped(&format!("known-{number}"), at(0));
    }
    let held: Vec<Admitted> =
        (0..80).map_while(|number| limiter.admit(&format!("known-{number}"), at(0)).ok()).collect();
    assert_eq!(held.len(), 40);
    assert_eq!(limiter.admit("known-79", at(0)).unwrap_err(), Shed { limit: Limit::InFlight, known: true });
    for admitted in &held {
        limiter.end(admitted, true, at(0));
    }
    limiter.admit("known-79", at(0)).unwrap();
}

#[test]
fn a_flood_in_the_name_of_one_known_key_leaves_room_for_the_others() {
    let mut limiter = limiter();
    limiter.mapped("flooded", at(0));
    limiter.mapped("other", at(0));
    // Ten seconds' worth of its own rate, however many come.
    assert_eq!(failing(&mut limiter, 10_000, at(0), |_| "flooded".to_owned()), 20);
    assert_eq!(limiter.admit("flooded", at(0)).unwrap_err(), Shed { limit: Limit::KeyRate, known: true });
    limiter.admit("other", at(0)).unwrap();
    // Calls that STS is slow to answer: a quarter of those under way.
    let mut limiter = self::limiter();
    limiter.mapped("flooded", at(0));
    limiter.mapped("other", at(0));
    let held: Vec<Admitted> = (0..40).map_while(|_| limiter.admit("flooded", at(0)).ok()).collect();
    assert_eq!(held.len(), 10);
    assert_eq!(limiter.admit("flooded", at(0)).unwrap_err().limit, Limit::KeyInFlight);
    limiter.admit("other", at(0)).unwrap();
}

#[test]
fn a_call_that_succeeds_costs_its_key_nothing_and_a_retry_counts_for_the_rate() {
    let mut limiter = limiter();
    limiter.mapped("known", at(0));
    for second in 0..50 {
        for _ in 0..100 {
            let admitted = limiter.admit("known", at(second * 1000)).unwrap();
            limiter.end(&admitted, true, at(second * 1000));
        }
    }
    let admitted = limiter.admit("known", at(100_000)).unwrap();
    let retries = (0..1000).filter(|_| limiter.admit_retry(&admitted, at(100_000))).count();
    assert_eq!(retries, 399);
}

#[test]
fn retries_for_made_up_keys_come_out_of_their_quarter_of_the_rate() {
    let mut limiter = limiter();
    let admitted = limiter.admit("made-up", at(0)).unwrap();
    assert_eq!((0..1000).filter(|_| limiter.admit_retry(&admitted, at(0))).count(), 99);
    limiter.mapped("known", at(0));
    limiter.admit("known", at(0)).unwrap();
}

#[test]
fn known_keys_are_bounded() {
    let mut limiter = limiter();
    for number in 0..70_000 {
        limiter.mapped(&format!("LTAI{number}"), at(number));
    }
    assert!(limiter.known_keys() <= 65_536, "{}", limiter.known_keys());
    assert!(limiter.admit("LTAI69999", at(70_000)).unwrap().known, "the last is there");
}

#[test]
fn confirming_a_key_that_nothing_maps_costs_and_makes_nobody_known() {
    let mut limiter = limiter();
    let mut through = 0;
    while let Ok(admitted) = limiter.admit("foreign", at(0)) {
        limiter.end(&admitted, true, at(0));
        limiter.not_mapped("foreign", at(0));
        through += 1;
        assert!(through < 1000);
    }
    assert_eq!(through, 20);
    assert!(!limiter.admit("foreign", at(0)).unwrap_err().known);
}

#[test]
fn a_key_is_known_for_twelve_hours_after_its_last_login() {
    let mut limiter = limiter();
    let hour = 3_600_000;
    limiter.mapped("known", at(0));
    limiter.mapped("known", at(hour));
    assert!(limiter.admit("known", at(13 * hour - 1)).unwrap().known);
    assert!(!limiter.admit("known", at(13 * hour)).unwrap().known);
    assert_eq!(limiter.known_keys(), 1);
}

#[test]
fn a_clock_set_back_locks_nobody_out() {
    let mut limiter = limiter();
    failing(&mut limiter, 10_000, at(0), |number| format!("made-up-{number}"));
    assert!(limiter.admit("x", at(-3_600_000)).is_err());
    limiter.admit("x", at(-3_599_000)).unwrap();
}

#[test]
fn reviews_that_come_out_of_order_count_no_time_twice() {
    let mut limiter = limiter();
    failing(&mut limiter, 10_000, at(0), |number| format!("made-up-{number}"));
    let through: usize = (0..1000)
        .map(|turn| at(500 - i64::from(turn % 2 == 0) * 400))
        .map(|now| failing(&mut limiter, 10, now, |number| format!("more-{number}")))
        .sum();
    assert_eq!(through, 50, "half a second's worth");
}

#[test]
fn the_defaults_leave_room_for_256_first_logins_at_once_of_one_key() {
    let mut limiter = Limiter::new(Limits::default(), at(0));
    for _ in 0..256 {
        limiter.admit("LTAI", at(0)).unwrap();
    }
}

#[test]
fn the_smallest_limits_still_let_somebody_in() {
    let mut limiter = Limiter::new(Limits { max_in_flight: 1, rate: 1, rate_per_key: 1 }, at(0));
    let admitted = limiter.admit("a", at(0)).unwrap();
    assert_eq!(limiter.admit("b", at(2000)).unwrap_err().limit, Limit::InFlight);
    limiter.end(&admitted, false, at(2000));
    limiter.admit("b", at(2000)).unwrap();
}
