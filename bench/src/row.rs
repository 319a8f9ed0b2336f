//! One row of the table: a figure, what it is held against, and whether that is enough.

use serde::Serialize;

use crate::rounds::{Compared, Series};

/// What is aimed at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
    /// At least this part of the reference: 0.8 is 80 %.
    AtLeastRatio(f64),
    /// At most so many times the reference.
    AtMostRatio(f64),
    /// At most so much more than the reference, in the row's unit.
    AtMostMore(f64),
    /// At most so much, in the row's unit.
    AtMost(f64),
    /// Nothing: the figure is there to be seen.
    None,
}

impl Aim {
    /// In words, with the unit.
    fn text(self, unit: &str) -> String {
        match self {
            Aim::AtLeastRatio(part) => format!("≥ {:.0} %", part * 100.0),
            Aim::AtMostRatio(times) => format!("≤ {times} ×"),
            Aim::AtMostMore(more) => format!("≤ {more} {unit} more"),
            Aim::AtMost(most) => format!("≤ {most} {unit}"),
            Aim::None => "–".to_owned(),
        }
    }
}

/// A row as it stands in `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// The figure, the median of its rounds; none: not measured, and the note says why.
    pub value: Option<f64>,
    /// Of value and reference.
    pub unit: &'static str,
    /// What it is held against, the median of its rounds.
    pub reference: Option<f64>,
    /// Value by reference, the median of each round's.
    pub ratio: Option<f64>,
    /// In words.
    pub aim: String,
    /// Whether the aim is met; none: there is no aim, or nothing was measured.
    pub met: Option<bool>,
    /// What the reference is, how much the rounds differ, and what else belongs to the figure.
    pub note: String,
}

impl Row {
    /// A figure beside its reference.
    pub fn compared(name: &str, unit: &'static str, of: &Compared, aim: Aim, note: &str) -> Row {
        let (value, ratio) = (of.value.median(), of.ratio.median());
        let met = match aim {
            Aim::AtLeastRatio(part) => ratio.map(|ratio| ratio >= part),
            Aim::AtMostRatio(times) => ratio.map(|ratio| ratio <= times),
            Aim::AtMostMore(most) => of.more.median().map(|more| more <= most),
            Aim::AtMost(most) => value.map(|value| value <= most),
            Aim::None => None,
        };
        let spreads = format!(
            "spread {}, of the reference {}, of the ratio {}",
            percent(of.value.spread()),
            percent(of.reference.spread()),
            percent(of.ratio.spread())
        );
        Row {
            name: name.to_owned(),
            value,
            unit,
            reference: of.reference.median(),
            ratio,
            aim: aim.text(unit),
            met,
            note: join(note, &spreads),
        }
    }

    /// A figure alone. An aim at a ratio is never met so.
    pub fn alone(name: &str, unit: &'static str, of: &Series, aim: Aim, note: &str) -> Row {
        let compared = Compared { value: of.clone(), ..Compared::default() };
        let row = Row::compared(name, unit, &compared, aim, "");
        let spread = of.spread();
        let spread = if spread > 0.0 { format!("spread {}", percent(spread)) } else { String::new() };
        Row { note: join(note, &spread), ..row }
    }

    /// The same, with the reason that is known why its aim is missed, if it is.
    #[must_use]
    pub fn missed_because(self, reason: &str) -> Row {
        match self.met {
            Some(false) => Row { note: join(&format!("missed: {reason}"), &self.note), ..self },
            Some(true) | None => self,
        }
    }

    /// What could not be measured, and why.
    pub fn not_measured(name: &str, unit: &'static str, aim: Aim, why: &str) -> Row {
        Row { note: why.to_owned(), ..Row::alone(name, unit, &Series::default(), aim, "") }
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

fn join(one: &str, other: &str) -> String {
    match (one, other) {
        ("", only) | (only, "") => only.to_owned(),
        (one, other) => format!("{one}; {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(aim: Aim) -> Row {
        let rounds = Compared::new(&[(80.0, 100.0), (90.0, 100.0), (85.0, 100.0)]);
        Row::compared("x", "1/s", &rounds, aim, "against y")
    }

    #[test]
    fn a_reason_stands_where_the_aim_is_missed_alone() {
        let note = |aim| row(aim).missed_because("the moon").note;
        assert!(note(Aim::AtMost(84.0)).starts_with("missed: the moon; against y; spread "));
        assert!(note(Aim::AtMost(85.0)).starts_with("against y; spread "));
        assert!(note(Aim::None).starts_with("against y; spread "));
    }

    #[test]
    fn a_row_says_whether_its_aim_is_met() {
        let met = |aim| row(aim).met;
        assert_eq!(met(Aim::AtLeastRatio(0.85)), Some(true));
        assert_eq!(met(Aim::AtLeastRatio(0.86)), Some(false));
        assert_eq!(met(Aim::AtMostRatio(0.85)), Some(true));
        assert_eq!(met(Aim::AtMostRatio(0.84)), Some(false));
        assert_eq!(met(Aim::AtMostMore(-15.0)), Some(true));
        assert_eq!(met(Aim::AtMostMore(-16.0)), Some(false));
        assert_eq!(met(Aim::AtMost(85.0)), Some(true));
        assert_eq!(met(Aim::AtMost(84.0)), Some(false));
        assert_eq!(met(Aim::None), None);
    }

    #[test]
    fn a_row_has_its_medians_and_spreads() {
        let row = row(Aim::AtLeastRatio(0.8));
        assert_eq!((row.value, row.reference, row.ratio), (Some(85.0), Some(100.0), Some(0.85)));
        assert_eq!(row.aim, "≥ 80 %");
        assert_eq!(row.note, "against y; spread 12 %, of the reference 0 %, of the ratio 12 %");
    }

    #[test]
    fn a_figure_alone_has_no_ratio_and_meets_no_aim_at_one() {
        let series = Series::new([3.0]);
        let row = Row::alone("x", "MiB", &series, Aim::AtMost(3.0), "");
        assert_eq!((row.value, row.reference, row.ratio, row.met), (Some(3.0), None, None, Some(true)));
        assert_eq!((row.aim.as_str(), row.note.as_str()), ("≤ 3 MiB", ""));
        assert_eq!(Row::alone("x", "MiB", &series, Aim::AtLeastRatio(0.0), "").met, None);
    }

    #[test]
    fn what_was_not_measured_meets_nothing_and_says_why() {
        let row = Row::not_measured("x", "MB", Aim::AtMost(10.0), "h2load is not installed");
        assert_eq!((row.value, row.met), (None, None));
        assert_eq!(row.note, "h2load is not installed");
    }
}
