//! How rows are printed: what a command line says about it, then what the configuration says.

use super::config::{CellLayout, Defaults, OutputFormat};

/// Widest table column when nothing else is said, in characters.
const COLUMN_WIDTH: usize = 80;

/// How tables are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStyle {
    /// Widest column, in characters.
    pub max_column_width: usize,
    /// What becomes of longer cells.
    pub cell_layout: CellLayout,
}

/// Returns the format of rows: the flags' (`json` is the flag of that name), else the alias's, else the default one,
/// else tables. A command whose configuration cannot be read gives no defaults.
pub fn output_format(
    json: bool,
    flag: Option<OutputFormat>,
    alias: Option<OutputFormat>,
    defaults: Option<&Defaults>,
) -> OutputFormat {
    let json = json.then_some(OutputFormat::Json);
    json.or(flag).or(alias).or_else(|| defaults.and_then(|defaults| defaults.output)).unwrap_or_default()
}

/// Returns the layout of tables, where defaults that are not given are the built-in ones.
pub fn table_style(defaults: Option<&Defaults>) -> TableStyle {
    let width = defaults.and_then(|defaults| defaults.table_max_column_width);
    let layout = defaults.and_then(|defaults| defaults.table_cell_layout);
    TableStyle { max_column_width: width.unwrap_or(COLUMN_WIDTH), cell_layout: layout.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_preference_holds() {
        let defaults = Defaults { output: Some(OutputFormat::Kv), ..Defaults::default() };
        let (csv, jsonl) = (Some(OutputFormat::Csv), Some(OutputFormat::Jsonl));
        assert_eq!(output_format(true, csv, jsonl, Some(&defaults)), OutputFormat::Json);
        assert_eq!(output_format(false, csv, jsonl, Some(&defaults)), OutputFormat::Csv);
        assert_eq!(output_format(false, None, jsonl, Some(&defaults)), OutputFormat::Jsonl);
        assert_eq!(output_format(false, None, None, Some(&defaults)), OutputFormat::Kv);
        assert_eq!(output_format(false, None, None, None), OutputFormat::Table);
        assert_eq!(output_format(false, None, None, Some(&Defaults::default())), OutputFormat::Table);
    }

    #[test]
    fn tables_have_a_built_in_layout() {
        let built_in = TableStyle { max_column_width: 80, cell_layout: CellLayout::Truncate };
        assert_eq!(table_style(None), built_in);
        assert_eq!(table_style(Some(&Defaults::default())), built_in);
        let defaults = Defaults {
            table_max_column_width: Some(20),
            table_cell_layout: Some(CellLayout::Wrap),
            ..Defaults::default()
        };
        let expected = TableStyle { max_column_width: 20, cell_layout: CellLayout::Wrap };
        assert_eq!(table_style(Some(&defaults)), expected);
    }
}
