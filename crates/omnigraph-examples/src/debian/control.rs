//! Stanzas of `Field: value` lines (Debian Policy, section 5.1).

use crate::error::{ConvertError, Problem};
use crate::input::Lines;

/// A field of a stanza.
#[derive(Debug)]
struct Field {
    name: String,
    /// Continuation lines follow after a line break, without the white space that marks them.
    value: String,
    line: u64,
}

/// Fields up to an empty line.
#[derive(Debug)]
pub struct Stanza {
    path: String,
    line: u64,
    fields: Vec<Field>,
}

impl Stanza {
    /// Returns the field's value, ignoring case in names.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.field(name).map(|f| f.value.as_str())
    }

    /// Returns the value of a field that must be there.
    pub fn require(&self, name: &'static str) -> Result<&str, ConvertError> {
        self.get(name)
            .filter(|v| !v.is_empty())
            .ok_or_else(|| self.malformed("", Problem::MissingField(name)))
    }

    /// Returns a whole number.
    pub fn number(&self, name: &'static str) -> Result<Option<i64>, ConvertError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(self.malformed(name, Problem::NotANumber { field: name, found: text.to_owned() })),
        }
    }

    /// An error at a field, or at the start of the stanza if it has no such field.
    pub fn malformed(&self, field: &str, problem: Problem) -> ConvertError {
        let line = self.field(field).map_or(self.line, |f| f.line);
        ConvertError::Malformed { path: self.path.clone(), line, problem }
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name.eq_ignore_ascii_case(name))
    }
}

/// The stanzas of one input. Holds one stanza in memory.
pub struct Stanzas {
    lines: Lines,
}

impl Stanzas {
    /// Reads stanzas from these lines.
    pub fn new(lines: Lines) -> Self {
        Self { lines }
    }

    fn read(&mut self) -> Result<Option<Stanza>, ConvertError> {
        let path = self.lines.path().to_owned();
        let mut stanza = Stanza { path, line: 0, fields: Vec::new() };
        loop {
            let number = self.lines.line() + 1;
            let Some(line) = self.lines.advance()? else { break };
            if line.trim().is_empty() {
                if stanza.fields.is_empty() {
                    continue;
                }
                break;
            }
            let problem = match (line.strip_prefix([' ', '\t']), stanza.fields.last_mut()) {
                (Some(more), Some(field)) => {
                    field.value.push('\n');
                    field.value.push_str(more.trim_end());
                    continue;
                }
                (Some(_), None) => Problem::NotAField,
                (None, _) => match line.split_once(':') {
                    Some((name, value)) if !name.is_empty() && !name.contains(char::is_whitespace) => {
                        if stanza.fields.is_empty() {
                            stanza.line = number;
                        }
                        let (name, value) = (name.to_owned(), value.trim().to_owned());
                        stanza.fields.push(Field { name, value, line: number });
                        continue;
                    }
                    _ => Problem::NotAField,
                },
            };
            return Err(self.lines.malformed(problem));
        }
        Ok(if stanza.fields.is_empty() { None } else { Some(stanza) })
    }
}

impl Iterator for Stanzas {
    type Item = Result<Stanza, ConvertError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn stanzas(text: &'static str) -> Vec<Result<Stanza, ConvertError>> {
        Stanzas::new(Lines::new("list", Cursor::new(text)).unwrap()).collect()
    }

    #[test]
    fn stanzas_end_at_empty_lines_and_fold_continuations() {
        let found = stanzas("\nPackage: a\nDescription: short\n long\n .\n more\n\n\n\nPackage: b\n");
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].get("description"), Some("short\nlong\n.\nmore"));
        assert_eq!(found[1].get("Package"), Some("b"));
        assert_eq!(found[1].line, 10);
    }

    #[test]
    fn a_line_without_a_field_is_named() {
        let error = stanzas("Package: a\nwhat\n").remove(0).unwrap_err();
        assert_eq!(error.to_string(), "list:2: expected 'Field: value' or a continuation line");
    }

    #[test]
    fn a_missing_field_is_reported_at_the_stanza() {
        let stanza = stanzas("Package: a\n\nVersion: 1\n").remove(1).unwrap();
        assert_eq!(
            stanza.require("Package").unwrap_err().to_string(),
            "list:3: the stanza has no field 'Package'"
        );
    }
}
