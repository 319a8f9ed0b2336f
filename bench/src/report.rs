//! The table, and `report.json`.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::row::Row;

/// One line a row, columns below one another, notes last.
pub fn table(rows: &[Row]) -> String {
    let head = ["what", "value", "unit", "reference", "ratio", "aim", "met", "note"].map(str::to_owned);
    let lines: Vec<[String; 8]> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    let mut widths = [0; 8];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut table = String::new();
    for line in &lines {
        let mut text = String::new();
        for (place, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Figures end below one another.
            let padded = match place {
                1 | 3 | 4 => format!("{cell:>width$}  "),
                7 => cell.clone(),
                _ => format!("{cell:<width$}  "),
            };
            text.push_str(&padded);
        }
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{}", text.trim_end());
    }
    table
}

fn cells(row: &Row) -> [String; 8] {
    let or_dash = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), digits);
    [
        row.name.clone(),
        or_dash(row.value),
        row.unit.to_owned(),
        or_dash(row.reference),
        row.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
        row.aim.clone(),
        match row.met {
            Some(true) => "yes".to_owned(),
            Some(false) => "NO".to_owned(),
            None => "–".to_owned(),
        },
        row.note.clone(),
    ]
}

/// As many digits as can be believed.
fn digits(figure: f64) -> String {
    match figure.abs() {
        large if large >= 100.0 => format!("{figure:.0}"),
        middle if middle >= 10.0 => format!("{figure:.1}"),
        small if small >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.4}"),
    }
}

/// Writes a list with one object a row.
///
/// # Errors
/// The file cannot be written.
pub fn write(rows: &[Row], path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
    }
    let mut text = serde_json::to_string_pretty(rows).map_err(Error::failed("writing the report"))?;
    text.push('\n');
    std::fs::write(path, text).map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::{Compared, Series};
    use crate::row::Aim;

    fn rows() -> Vec<Row> {
        let compared = Compared::new(&[(81_234.5, 100_000.0)]);
        vec![
            Row::compared("same token", "1/s", &compared, Aim::AtLeastRatio(0.8), ""),
            Row::alone("idle", "MiB", &Series::new([15.25]), Aim::AtMost(15.0), ""),
            Row::not_measured("musl", "MB", Aim::AtMost(10.0), "not built"),
        ]
    }

    #[test]
    fn the_table_has_a_line_a_row_and_figures_below_one_another() {
        let table = table(&rows());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "what        value  unit  reference  ratio  aim       met  note");
        assert!(
            lines[1].starts_with("same token  81234  1/s      100000   0.81  ≥ 80 %    yes  spread"),
            "{table}"
        );
        assert_eq!(lines[2], "idle         15.2  MiB           –      –  ≤ 15 MiB  NO");
        assert_eq!(lines[3], "musl            –  MB            –      –  ≤ 10 MB   –    not built");
    }

    #[test]
    fn the_report_has_an_object_a_row_with_the_keys_that_the_issue_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench/report.json");
        write(&rows(), &path).unwrap();
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(report.as_array().unwrap().len(), 3);
        for key in ["name", "value", "unit", "reference", "ratio", "aim", "met"] {
            assert!(report[0].get(key).is_some_and(|value| !value.is_null()), "{key}");
        }
        assert_eq!((&report[1]["met"], &report[2]["value"]), (&false.into(), &serde_json::Value::Null));
    }
}
