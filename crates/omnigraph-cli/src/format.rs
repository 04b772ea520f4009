//! Rows of reads as a table, key-value list, CSV, JSON lines or one JSON document.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use omnigraph_api::ReadOutput;
use omnigraph_client::operator::{CellLayout, OutputFormat, TableStyle, output_format, table_style};
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::args::query::Format;
use crate::failure::Failure;
use crate::operator;
use crate::output;

/// Prints a read result in the format of the flags, else of the alias, else of the operator config.
pub(crate) fn print(
    read: &ReadOutput,
    global: &Global,
    format: Option<Format>,
    alias: Option<OutputFormat>,
) -> Result<(), Failure> {
    // A config that cannot be read gives no defaults here; a command that needs it has failed before.
    let defaults = operator::load().ok().map(|operator| &operator.config.defaults);
    let report = Report { read, columns: columns(read) };
    match output_format(global.json, format.map(OutputFormat::from), alias, defaults) {
        OutputFormat::Json => output::json(read),
        OutputFormat::Jsonl => output::line(&report.json_lines()),
        OutputFormat::Csv => report.csv(),
        OutputFormat::Kv => output::line(&report.key_values()),
        OutputFormat::Table => output::line(&report.table(table_style(defaults))),
    }
}

/// Renders a result as a table in the built-in style.
pub(crate) fn table(read: &ReadOutput) -> String {
    Report { read, columns: columns(read) }.table(table_style(None))
}

impl From<Format> for OutputFormat {
    fn from(format: Format) -> OutputFormat {
        match format {
            Format::Table => OutputFormat::Table,
            Format::Kv => OutputFormat::Kv,
            Format::Csv => OutputFormat::Csv,
            Format::Jsonl => OutputFormat::Jsonl,
            Format::Json => OutputFormat::Json,
        }
    }
}

/// Returns the columns of a result, or the members of its rows if it lists no columns.
fn columns(read: &ReadOutput) -> Cow<'_, [String]> {
    if !read.columns.is_empty() {
        return Cow::Borrowed(&read.columns);
    }
    let members: BTreeSet<&String> = read.rows.iter().flat_map(Map::keys).collect();
    Cow::Owned(members.into_iter().cloned().collect())
}

/// A read result as it is printed.
struct Report<'a> {
    read: &'a ReadOutput,
    columns: Cow<'a, [String]>,
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Report<'_> {
    fn header(&self) -> String {
        let (rows, name) = (self.read.row_count, &self.read.query_name);
        match (&self.read.target.branch, &self.read.target.snapshot) {
            (_, Some(id)) => format!("{rows} rows from snapshot {id} via {name}"),
            (branch, None) => {
                format!("{rows} rows from branch {} via {name}", branch.as_deref().unwrap_or("main"))
            }
        }
    }

    fn cells(&self, row: &Map<String, Value>) -> impl Iterator<Item = String> {
        self.columns.iter().map(|column| cell(row.get(column).unwrap_or(&Value::Null)))
    }

    fn json_lines(&self) -> String {
        let metadata = json!({
            "kind": "metadata",
            "query_name": self.read.query_name,
            "target": self.read.target,
            "row_count": self.read.row_count,
        });
        let mut text = metadata.to_string();
        for row in &self.read.rows {
            let _ = write!(text, "\n{}", json!(row));
        }
        text
    }

    fn csv(&self) -> Result<(), Failure> {
        let failed = |e: csv::Error| Failure::io("writing to stdout", e.into());
        let mut writer = csv::WriterBuilder::new().from_writer(std::io::stdout().lock());
        writer.write_record(self.columns.iter()).map_err(failed)?;
        for row in &self.read.rows {
            writer.write_record(self.cells(row)).map_err(failed)?;
        }
        writer.flush().map_err(|e| Failure::io("writing to stdout", e))
    }

    fn key_values(&self) -> String {
        let mut text = self.header();
        if self.read.rows.is_empty() {
            text.push_str("\n(no rows)");
        }
        for (index, row) in self.read.rows.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            let _ = write!(text, "\nrow {}", index + 1);
            for (column, value) in self.columns.iter().zip(self.cells(row)) {
                let _ = write!(text, "\n{column}: {value}");
            }
        }
        text
    }

    /// Renders rows under column names, cells padded on the right, and cut or continued when too wide.
    fn table(&self, style: TableStyle) -> String {
        if self.columns.is_empty() {
            return format!("{}\n(no rows)", self.header());
        }
        let limit = style.max_column_width.max(8);
        let shown = |text: &str| -> Vec<char> { text.replace('\n', "\\n").chars().collect() };
        let names: Vec<Vec<char>> = self.columns.iter().map(|name| shown(name)).collect();
        let rows: Vec<Vec<Vec<char>>> =
            self.read.rows.iter().map(|row| self.cells(row).map(|cell| shown(&cell)).collect()).collect();
        let widths: Vec<usize> = (0..names.len())
            .map(|i| {
                let cells =
                    rows.iter().map(|row| row[i].len().min(style.max_column_width)).max().unwrap_or(0);
                cells.max(names[i].len()).min(limit)
            })
            .collect();
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let mut lines = vec![self.header()];
        lines.extend(row_lines(&names, &widths, style.cell_layout));
        lines.push(rule.join("-+-"));
        lines.extend(rows.iter().flat_map(|row| row_lines(row, &widths, style.cell_layout)));
        lines.join("\n")
    }
}

/// Renders one row on one line or, wrapped, on as many as its longest cell needs.
fn row_lines(cells: &[Vec<char>], widths: &[usize], layout: CellLayout) -> Vec<String> {
    let line = |parts: Vec<&[char]>| -> String {
        let padded: Vec<String> = parts.iter().zip(widths).map(|(part, width)| fit(part, *width)).collect();
        padded.join(" | ")
    };
    let height = match layout {
        CellLayout::Truncate => 1,
        CellLayout::Wrap => {
            let heights = cells.iter().zip(widths).map(|(cell, width)| cell.len().div_ceil((*width).max(1)));
            heights.max().unwrap_or(1).max(1)
        }
    };
    if height == 1 {
        return vec![line(cells.iter().map(Vec::as_slice).collect())];
    }
    let part = |cell: &'_ [char], width: usize, at: usize| -> std::ops::Range<usize> {
        (at * width).min(cell.len())..((at + 1) * width).min(cell.len())
    };
    (0..height)
        .map(|at| line(cells.iter().zip(widths).map(|(cell, width)| &cell[part(cell, *width, at)]).collect()))
        .collect()
}

fn fit(cell: &[char], width: usize) -> String {
    let mut text: String = if cell.len() > width {
        cell[..width.saturating_sub(1)].iter().copied().chain(['…']).collect()
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

    fn read(rows: Value) -> ReadOutput {
        let rows =
            rows.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect::<Vec<_>>();
        ReadOutput {
            query_name: "q".to_owned(),
            target: omnigraph_api::ReadTargetOutput::new(None, None),
            row_count: rows.len(),
            columns: vec!["name".to_owned(), "age".to_owned()],
            rows,
            graph_commit_id: Some("01".to_owned()),
        }
    }

    fn report(read: &ReadOutput) -> Report<'_> {
        Report { read, columns: columns(read) }
    }

    fn style(width: usize, layout: CellLayout) -> TableStyle {
        TableStyle { max_column_width: width, cell_layout: layout }
    }

    #[test]
    fn a_table_pads_every_cell_and_shows_line_breaks() {
        let text = report(&read(json!([{"name": "Ada\nL", "age": 36}, {"name": "Bob", "age": null}])))
            .table(table_style(None));
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
        let text = report(&read(json!([{"name": "x".repeat(200), "age": 1}]))).table(table_style(None));
        assert!(text.lines().nth(3).unwrap().starts_with(&format!("{}… | 1", "x".repeat(79))));
    }

    #[test]
    fn key_values_separate_rows_by_a_blank_line() {
        let text =
            report(&read(json!([{"name": "Ada", "age": 36}, {"name": "Bob", "age": null}]))).key_values();
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
        let text = report(&read(json!([{"name": "Ada", "age": 36}]))).json_lines();
        expect![[r#"
            {"kind":"metadata","query_name":"q","target":{"branch":"main","snapshot":null},"row_count":1}
            {"name":"Ada","age":36}"#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_wide_cell_is_wrapped_when_asked() {
        let wide = read(json!([{"name": "abcdefghijk", "age": 1}]));
        expect![[r#"
            1 rows from branch main via q
            name     | age
            ---------+----
            abcdefgh | 1  
            ijk      |    "#]]
        .assert_eq(&report(&wide).table(style(8, CellLayout::Wrap)));
    }

    #[test]
    fn columns_that_are_not_listed_are_the_members_of_the_rows() {
        let mut bare = read(json!([{"b": 1}, {"a": 2}]));
        bare.columns.clear();
        assert_eq!(columns(&bare).as_ref(), ["a", "b"]);
    }
}
