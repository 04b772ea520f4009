//! Read results as tables, key-value lists, CSV, JSON lines or one JSON document.

use std::fmt::Write as _;

use omnigraph::db::{JsonRows, QueryResult, row_objects};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::args::Format;
use crate::failure::Failure;
use crate::output;

/// Cells wider than this many characters are cut in tables.
const MAX_COLUMN_WIDTH: usize = 80;

/// A read result as it is printed; the member order is the JSON order.
#[derive(Serialize)]
pub(crate) struct ReadReport {
    query_name: String,
    target: Target,
    row_count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    rows: Vec<Map<String, Value>>,
    graph_commit_id: String,
}

#[derive(Serialize)]
struct Target {
    branch: Option<String>,
    snapshot: Option<String>,
}

impl ReadReport {
    /// Reports a read of a branch.
    pub(crate) fn of_branch(result: &QueryResult, branch: &str) -> ReadReport {
        ReadReport::new(result, Target { branch: Some(branch.to_owned()), snapshot: None })
    }

    /// Reports a read of a commit.
    pub(crate) fn of_snapshot(result: &QueryResult, id: &str) -> ReadReport {
        ReadReport::new(result, Target { branch: None, snapshot: Some(id.to_owned()) })
    }

    fn new(result: &QueryResult, target: Target) -> ReadReport {
        let rows = result
            .batches
            .iter()
            .flat_map(|batch| row_objects(batch, &result.columns, JsonRows::Exact))
            .collect();
        ReadReport {
            query_name: result.query_name.clone(),
            target,
            row_count: result.row_count(),
            columns: result.columns.clone(),
            rows,
            graph_commit_id: result.graph_commit_id.clone(),
        }
    }

    fn header(&self) -> String {
        match (&self.target.branch, &self.target.snapshot) {
            (_, Some(id)) => {
                format!("{} rows from snapshot {id} via {}", self.row_count, self.query_name)
            }
            (branch, None) => {
                let branch = branch.as_deref().unwrap_or("main");
                format!("{} rows from branch {branch} via {}", self.row_count, self.query_name)
            }
        }
    }

    fn cells<'a>(&'a self, row: &'a Map<String, Value>) -> impl Iterator<Item = String> + 'a {
        self.columns.iter().map(|column| cell(row.get(column).unwrap_or(&Value::Null)))
    }
}

/// Prints a read result.
pub(crate) fn print(report: &ReadReport, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::json(report),
        Format::Jsonl => output::line(&json_lines(report)),
        Format::Csv => csv(report),
        Format::Kv => output::line(&key_values(report)),
        Format::Table => output::line(&table(report)),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn json_lines(report: &ReadReport) -> String {
    let metadata = json!({
        "kind": "metadata",
        "query_name": report.query_name,
        "target": report.target,
        "row_count": report.row_count,
    });
    let mut text = metadata.to_string();
    for row in &report.rows {
        let _ = write!(text, "\n{}", Value::Object(row.clone()));
    }
    text
}

fn csv(report: &ReadReport) -> Result<(), Failure> {
    let failed = |e: csv::Error| Failure::io("writing to stdout", e.into());
    let mut writer = csv::WriterBuilder::new().from_writer(std::io::stdout().lock());
    writer.write_record(&report.columns).map_err(failed)?;
    for row in &report.rows {
        writer.write_record(report.cells(row)).map_err(failed)?;
    }
    writer.flush().map_err(|e| Failure::io("writing to stdout", e))
}

fn key_values(report: &ReadReport) -> String {
    let mut text = report.header();
    if report.rows.is_empty() {
        text.push_str("\n(no rows)");
    }
    for (index, row) in report.rows.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let _ = write!(text, "\nrow {}", index + 1);
        for (column, value) in report.columns.iter().zip(report.cells(row)) {
            let _ = write!(text, "\n{column}: {value}");
        }
    }
    text
}

/// Renders rows under column names, cells padded on the right and cut when too wide.
pub(crate) fn table(report: &ReadReport) -> String {
    if report.columns.is_empty() {
        return format!("{}\n(no rows)", report.header());
    }
    let limit = MAX_COLUMN_WIDTH.max(8);
    let shown = |text: String| -> Vec<char> { text.replace('\n', "\\n").chars().collect() };
    let names: Vec<Vec<char>> = report.columns.iter().map(|name| shown(name.clone())).collect();
    let rows: Vec<Vec<Vec<char>>> =
        report.rows.iter().map(|row| report.cells(row).map(shown).collect()).collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|i| {
            let cells = rows.iter().map(|row| row[i].len()).max().unwrap_or(0);
            cells.max(names[i].len()).min(limit)
        })
        .collect();
    let line = |cells: &[Vec<char>]| -> String {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| fit(cell, *width)).collect();
        padded.join(" | ")
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut lines = vec![report.header(), line(&names), rule.join("-+-")];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n")
}

fn fit(cell: &[char], width: usize) -> String {
    let mut text: String = if cell.len() > width {
        cell[..width - 1].iter().copied().chain(['…']).collect()
    } else {
        cell.iter().collect()
    };
    let missing = width.saturating_sub(cell.len());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn report(rows: Value) -> ReadReport {
        let rows =
            rows.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect::<Vec<_>>();
        ReadReport {
            query_name: "q".to_owned(),
            target: Target { branch: Some("main".to_owned()), snapshot: None },
            row_count: rows.len(),
            columns: vec!["name".to_owned(), "age".to_owned()],
            rows,
            graph_commit_id: "01".to_owned(),
        }
    }

    #[test]
    fn a_table_pads_every_cell_and_shows_line_breaks() {
        let text = table(&report(json!([{"name": "Ada\nL", "age": 36}, {"name": "Bob", "age": null}])));
        expect![[r#"
            2 rows from branch main via q
            name   | age 
            -------+-----
            Ada\nL | 36  
            Bob    | null"#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_wide_cell_is_cut_with_an_ellipsis() {
        let text = table(&report(json!([{"name": "x".repeat(200), "age": 1}])));
        assert!(text.lines().nth(3).unwrap().starts_with(&format!("{}… | 1", "x".repeat(79))));
    }

    #[test]
    fn key_values_separate_rows_by_a_blank_line() {
        let text = key_values(&report(json!([{"name": "Ada", "age": 36}, {"name": "Bob", "age": null}])));
        expect![[r#"
            2 rows from branch main via q
            row 1
            name: Ada
            age: 36

            row 2
            name: Bob
            age: null"#]]
        .assert_eq(&text);
    }

    #[test]
    fn json_lines_start_with_metadata() {
        let text = json_lines(&report(json!([{"name": "Ada", "age": 36}])));
        expect![[r#"
            {"kind":"metadata","query_name":"q","target":{"branch":"main","snapshot":null},"row_count":1}
            {"name":"Ada","age":36}"#]]
        .assert_eq(&text);
    }
}
