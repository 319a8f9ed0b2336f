//! Rounds that are taken in turn, and what is made of them.

use crate::error::Result;

/// The same thing measured several times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series(Vec<f64>);

impl Series {
    /// In any order.
    pub fn new(values: impl IntoIterator<Item = f64>) -> Series {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Series(values)
    }

    /// The one in the middle, of an even number the mean of the two; none without values.
    pub fn median(&self) -> Option<f64> {
        let upper = self.0.get(self.0.len() / 2)?;
        if self.0.len() % 2 == 1 {
            return Some(*upper);
        }
        let lower = self.0.get((self.0.len() / 2).checked_sub(1)?)?;
        Some(f64::midpoint(*lower, *upper))
    }

    /// From the value at a tenth to that at nine tenths, in parts of the median: 0.1 is ten per cent. Of ten or fewer that
    /// is from the smallest to the largest. 0 where it means nothing.
    pub fn spread(&self) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let (low, high) = (last / 10, last.saturating_sub(last / 10));
        match (self.0.get(low), self.0.get(high), self.median()) {
            (Some(low), Some(high), Some(median)) if median > 0.0 => (high - low) / median,
            _ => 0.0,
        }
    }
}

/// A thing and its reference, measured in turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Compared {
    /// The thing.
    pub value: Series,
    /// What it is held against.
    pub reference: Series,
    /// Thing by reference, round by round: what made both of a round slow is not in it.
    pub ratio: Series,
    /// Thing less reference, round by round.
    pub more: Series,
}

impl Compared {
    /// Of rounds, each a thing and its reference.
    pub fn new(rounds: &[(f64, f64)]) -> Compared {
        Compared {
            value: Series::new(rounds.iter().map(|(value, _)| *value)),
            reference: Series::new(rounds.iter().map(|(_, reference)| *reference)),
            // By nothing: not finite, and so left out.
            ratio: Series::new(rounds.iter().map(|(value, reference)| value / reference)),
            more: Series::new(rounds.iter().map(|(value, reference)| value - reference)),
        }
    }
}

/// A, B, A, B, …: whatever the machine does meanwhile, it does to both.
///
/// # Errors
/// The first that one of them has.
pub fn in_turn<A, B>(
    rounds: usize,
    mut a: impl FnMut() -> Result<A>,
    mut b: impl FnMut() -> Result<B>,
) -> Result<Vec<(A, B)>> {
    (0..rounds).map(|_| Ok((a()?, b()?))).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::error::Error;

    #[test]
    fn a_series_has_a_median_and_a_spread() {
        let series = Series::new([5.0, 1.0, 4.0]);
        assert_eq!((series.median(), series.spread()), (Some(4.0), 1.0));
        assert_eq!(Series::new([4.0, 1.0, 2.0, 3.0]).median(), Some(2.5));
        assert_eq!(Series::new([2.0]).spread(), 0.0);
        let many = (1..=100).map(f64::from).chain([1e9]);
        assert_eq!(Series::new(many).spread(), 80.0 / 51.0);
        assert_eq!((Series::new([]).median(), Series::new([]).spread()), (None, 0.0));
        assert_eq!(Series::new([0.0, 0.0]).spread(), 0.0);
        assert_eq!(Series::new([f64::NAN, f64::INFINITY, 3.0]).median(), Some(3.0));
    }

    #[test]
    fn a_ratio_is_that_of_a_round() {
        // The machine was twice as fast in the second round: the ratio does not show it.
        let compared = Compared::new(&[(80.0, 100.0), (160.0, 200.0), (80.0, 100.0)]);
        assert_eq!(compared.ratio, Series::new([0.8, 0.8, 0.8]));
        assert_eq!(compared.more.median(), Some(-20.0));
        assert_eq!((compared.value.median(), compared.reference.median()), (Some(80.0), Some(100.0)));
        assert_eq!(Compared::new(&[(1.0, 0.0)]).ratio.median(), None);
    }

    #[test]
    fn rounds_are_taken_in_turn_until_one_fails() {
        let order = RefCell::new(String::new());
        let take = |letter, fails_at: usize| {
            order.borrow_mut().push(letter);
            if order.borrow().len() == fails_at { Err(Error::because("b", "fails")) } else { Ok(()) }
        };
        assert_eq!(in_turn(3, || take('A', 0), || take('B', 0)).unwrap().len(), 3);
        assert_eq!(order.take(), "ABABAB");
        assert!(in_turn(3, || take('A', 0), || take('B', 4)).is_err());
        assert_eq!(order.take(), "ABAB");
    }
}
