//! Value constraints: enums, `@range`, `@check`. Each row is judged alone; null passes all three.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, StringArray};
use arrow_schema::DataType;
use omnigraph_compiler::catalog::{Bound, Catalog, Constraint, EntityKind, TypeKey};
use omnigraph_compiler::ir::CompareOp;
use omnigraph_compiler::types::{Kind, Value};
use omnigraph_graph::model::{ID, column_type};
use regex::Regex;

use super::compare::Comparison;
use super::image::{Change, Image, strings};
use super::violations::{Refusal, Violations};
use crate::error::{OmniError, Result, Violation};

/// Checks every row of every type.
pub(super) async fn check(image: &Image, refused: &mut Vec<Refusal>) -> Result<()> {
    for change in image.changes.values() {
        let rules = rules(image.catalog(), &change.key)?;
        if change.rows.is_none() || rules.is_empty() {
            continue;
        }
        for (type_key, id, (ordinal, violation)) in check_type(image, change, &rules).await?.into_held() {
            let error = OmniError::violated(violation, image.place(change, ordinal).await?);
            refused.push(Refusal { type_key, id, error });
        }
        if image.knows_enough(refused) {
            break;
        }
    }
    Ok(())
}

/// Returns the violations, each with the ordinal of the row at fault.
async fn check_type(image: &Image, change: &Change, rules: &[Rule]) -> Result<Violations<(u64, Violation)>> {
    let mut columns = vec![ID];
    columns.extend(rules.iter().map(|rule| rule.property.as_str()));
    let mut violations = Violations::new(image.extent);
    let mut chunks = change.chunks(&columns)?;
    while let Some(chunk) = chunks.next().await? {
        for (rank, rule) in rules.iter().enumerate() {
            let column = chunk.batch.column(1 + rank);
            for row in rule.failures(column)? {
                let ordinal = chunk.first + row as u64;
                if !change.live(ordinal) {
                    continue;
                }
                let id = chunk.strings(0)?.value(row);
                let value = arrow_cast::display::array_value_to_string(column, row)?;
                violations.offer(&change.key, id, rank, || (ordinal, rule.violation(&change.key, id, value)));
            }
        }
    }
    Ok(violations)
}

/// One constraint on one property.
struct Rule {
    property: String,
    test: Test,
}

enum Test {
    Enum { allowed: Vec<String> },
    Range { min: Option<Comparison>, max: Option<Comparison>, text: String },
    Check { pattern: Regex },
}

/// Returns the value constraints of a type, by property, then enum, range, check.
fn rules(catalog: &Catalog, key: &TypeKey) -> Result<Vec<Rule>> {
    let properties = catalog.properties(key).unwrap_or_default();
    let constraints: &[Constraint] = match key.kind {
        EntityKind::Node => catalog.nodes.get(&key.name).map_or(&[], |node| &node.constraints),
        EntityKind::Edge => catalog.edges.get(&key.name).map_or(&[], |edge| &edge.constraints),
    };
    let mut rules = Vec::new();
    for property in properties {
        if let Kind::Enum(allowed) = &property.ty.kind {
            let test = Test::Enum { allowed: allowed.clone() };
            rules.push(Rule { property: property.name.clone(), test });
        }
        for constraint in constraints {
            let test = match constraint {
                Constraint::Range { property: name, min, max } if name == &property.name => {
                    Test::range(&column_type(&property.ty), *min, *max)?
                }
                Constraint::Check { property: name, pattern } if name == &property.name => {
                    let pattern = Regex::new(pattern).map_err(|error| {
                        OmniError::internal(format!(
                            "@check pattern of {key}.{name} does not compile: {error}"
                        ))
                    })?;
                    Test::Check { pattern }
                }
                Constraint::Range { .. }
                | Constraint::Check { .. }
                | Constraint::Key(_)
                | Constraint::Unique(_)
                | Constraint::Index(_) => continue,
            };
            rules.push(Rule { property: property.name.clone(), test });
        }
    }
    Ok(rules)
}

impl Test {
    fn range(column: &DataType, min: Option<Bound>, max: Option<Bound>) -> Result<Test> {
        let compare = |op, bound: Option<Bound>| {
            bound.map(|bound| {
                let value = match bound {
                    Bound::Int(v) => Value::Int(v),
                    Bound::Float(v) => Value::Float(v),
                };
                Comparison::new(column, op, &value)
            })
        };
        let text = |bound: Option<Bound>| bound.map(|b| b.to_string()).unwrap_or_default();
        Ok(Test::Range {
            min: compare(CompareOp::Ge, min).transpose()?,
            max: compare(CompareOp::Le, max).transpose()?,
            text: format!("{}..{}", text(min), text(max)),
        })
    }
}

impl Rule {
    /// Returns the rows whose value violates the rule.
    fn failures(&self, column: &ArrayRef) -> Result<Vec<usize>> {
        match &self.test {
            Test::Enum { allowed } => {
                Ok(rejected(strings(column)?, |v| allowed.binary_search_by(|a| a.as_str().cmp(v)).is_ok()))
            }
            Test::Check { pattern } => Ok(rejected(strings(column)?, |v| pattern.is_match(v))),
            Test::Range { min, max, .. } => {
                let bounds = [min, max].into_iter().flatten();
                let outcomes = bounds.map(|b| b.evaluate(column)).collect::<Result<Vec<BooleanArray>>>()?;
                Ok((0..column.len())
                    .filter(|&row| column.is_valid(row))
                    .filter(|&row| outcomes.iter().any(|o| !o.value(row)) || is_nan(column, row))
                    .collect())
            }
        }
    }

    fn violation(&self, key: &TypeKey, id: &str, value: String) -> Violation {
        let (type_name, property, id) = (key.name.clone(), self.property.clone(), id.to_owned());
        match &self.test {
            Test::Enum { allowed } => {
                Violation::Enum { type_name, property, value, allowed: allowed.clone() }
            }
            Test::Range { text, .. } => {
                Violation::Range { type_name, property, value, bounds: text.clone(), id }
            }
            Test::Check { pattern } => {
                Violation::Check { type_name, property, value, pattern: pattern.as_str().to_owned(), id }
            }
        }
    }
}

fn rejected(values: &StringArray, accepts: impl Fn(&str) -> bool) -> Vec<usize> {
    let failing = values.iter().enumerate().filter(|(_, value)| value.is_some_and(|v| !accepts(v)));
    failing.map(|(row, _)| row).collect()
}

fn is_nan(column: &ArrayRef, row: usize) -> bool {
    match column.data_type() {
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).is_nan(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).is_nan(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int32Array};

    use super::*;

    fn rule(test: Test) -> Rule {
        Rule { property: "p".into(), test }
    }

    #[test]
    fn a_range_is_inclusive_open_where_it_says_so_and_refuses_nan() {
        let bounds = |min, max| rule(Test::range(&DataType::Float64, min, max).unwrap());
        let column: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(0.0),
            Some(1.0),
            Some(1.5),
            None,
            Some(f64::NAN),
            Some(-0.0),
        ]));
        let both = bounds(Some(Bound::Int(0)), Some(Bound::Int(1)));
        assert_eq!(both.failures(&column).unwrap(), [2, 4]);
        assert_eq!(bounds(None, Some(Bound::Float(0.5))).failures(&column).unwrap(), [1, 2, 4]);
        assert_eq!(bounds(Some(Bound::Float(0.5)), None).failures(&column).unwrap(), [0, 4, 5]);
    }

    #[test]
    fn a_fractional_bound_applies_to_integers_by_value() {
        let column: ArrayRef = Arc::new(Int32Array::from(vec![0, 1, 2, 3]));
        let test = Test::range(&DataType::Int32, Some(Bound::Float(0.5)), Some(Bound::Float(2.5))).unwrap();
        assert_eq!(rule(test).failures(&column).unwrap(), [0, 3]);
    }

    #[test]
    fn a_check_looks_for_the_pattern_anywhere_and_passes_null() {
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("xaby"), Some("b"), None, Some("")]));
        let anywhere = rule(Test::Check { pattern: Regex::new("ab").unwrap() });
        assert_eq!(anywhere.failures(&column).unwrap(), [1, 3]);
        let whole = rule(Test::Check { pattern: Regex::new("^b$").unwrap() });
        assert_eq!(whole.failures(&column).unwrap(), [0, 3]);
    }

    #[test]
    fn an_enum_lists_its_values() {
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("done"), Some("Done"), None]));
        let rule = rule(Test::Enum { allowed: vec!["done".into(), "todo".into()] });
        assert_eq!(rule.failures(&column).unwrap(), [1]);
        let violation = rule.violation(&TypeKey::node("Task"), "t", "Done".into());
        assert_eq!(violation.to_string(), "invalid enum value 'Done' for Task.p; allowed: done, todo");
    }
}
