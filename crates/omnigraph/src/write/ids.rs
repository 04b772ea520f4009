//! Ids of entities: the canonical text of the key, or a fresh ULID. One implementation for every way of writing.

use omnigraph_compiler::catalog::Property;
use omnigraph_compiler::scalar::{parse_date, parse_datetime};
use ulid::Generator;

use super::cell::{Cell, canonical};

/// Derives the id of a node from its key.
///
/// `key` pairs the key properties, in ascending property id, with their stored values. A single member gives its
/// canonical text, several a compact JSON array of those texts. Returns the property at fault when a value has no
/// canonical text (null, or a float that is not finite).
pub(crate) fn derive_id<'p>(key: &[(&'p Property, &Cell<'_>)]) -> Result<String, &'p Property> {
    let texts: Vec<String> =
        key.iter().map(|(property, cell)| canonical(cell).ok_or(*property)).collect::<Result<_, _>>()?;
    Ok(match <[String; 1]>::try_from(texts) {
        Ok([single]) => single,
        Err(several) => serde_json::Value::from(several).to_string(),
    })
}

/// Tells whether a text denotes the same key as [`derive_id`] does, in a spelling that older files have: the value
/// itself, however written, and for a key of several members the value of any one of them.
pub(crate) fn denotes(text: &str, key: &[(&Property, &Cell<'_>)]) -> bool {
    key.iter().any(|(_, cell)| spells(text, cell))
}

/// Tells whether a text is a spelling of a value.
fn spells(text: &str, cell: &Cell<'_>) -> bool {
    let integer = |value: i128| text.parse() == Ok(value);
    match cell {
        Cell::I32(value) => integer((*value).into()),
        Cell::I64(value) => integer((*value).into()),
        Cell::U32(value) => integer((*value).into()),
        Cell::U64(value) => integer((*value).into()),
        // As a JSON number would be stored: rounded twice.
        Cell::F32(value) => text.parse().is_ok_and(|float: f64| float as f32 == *value),
        Cell::F64(value) => text.parse() == Ok(*value),
        Cell::Date(value) => integer((*value).into()) || parse_date(text) == Some(*value),
        Cell::DateTime(value) => integer((*value).into()) || parse_datetime(text) == Some(*value),
        Cell::Text(_) | Cell::Bool(_) => canonical(cell).as_deref() == Some(text),
        Cell::Null | Cell::Blob(_) | Cell::Vector(_) | Cell::List(_) => false,
    }
}

/// Hands out ULIDs that ascend within one request.
pub(crate) struct FreshIds(Generator);

impl FreshIds {
    /// Starts a series.
    pub(crate) fn new() -> FreshIds {
        FreshIds(Generator::new())
    }

    /// Returns the next id: 26 characters in canonical upper-case form.
    pub(crate) fn next(&mut self) -> String {
        // The generator refuses only after 2^80 ids in one millisecond; a random id is as good then.
        self.0.generate().unwrap_or_else(|_| ulid::Ulid::new()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use omnigraph_compiler::schema;

    use super::*;

    #[test]
    fn a_composite_key_is_a_json_array_in_property_id_order() {
        let source = "node Slot { tenant: String slot: I32 @key(tenant, slot) }";
        let catalog = schema::compile(source, "01TEST").unwrap().catalog;
        let node = &catalog.nodes["Slot"];
        let key = node.key().unwrap();
        let cells: Vec<Cell<'_>> = key
            .iter()
            .map(|p| if p.name == "slot" { Cell::I32(7) } else { Cell::Text("acme".into()) })
            .collect();
        let pairs: Vec<_> = key.iter().copied().zip(&cells).collect();
        assert_eq!(derive_id(&pairs).unwrap(), r#"["7","acme"]"#);
        assert_eq!(derive_id(&pairs[..1]).unwrap(), "7");
    }

    #[test]
    fn a_null_member_has_no_id() {
        let catalog = schema::compile("node N { k: F64 @key }", "01TEST").unwrap().catalog;
        let key = catalog.nodes["N"].key().unwrap();
        assert!(derive_id(&[(key[0], &Cell::F64(f64::INFINITY))]).is_err());
    }

    #[test]
    fn older_spellings_denote_equal_values_only() {
        for (cell, spellings, others) in [
            (Cell::I32(7), &["7", "007", "+7"][..], &["8", "7.0", "-7", "", " 7", "7e0"][..]),
            (Cell::I64(-7), &["-7", "-007"], &["7", "- 7"]),
            (Cell::U64(u64::MAX), &["18446744073709551615", "018446744073709551615"], &["-1"]),
            (Cell::F32(0.1), &["0.1", "0.10", "1e-1", "0.10000000149011612"], &["0.2", "NaN", ""]),
            (Cell::F64(2.0), &["2", "2.0", "+2", "2e0"], &["2.0000000001", "inf"]),
            (Cell::F64(0.0), &["0", "-0", "0.0"], &["1"]),
            (Cell::Date(19875), &["19875", "2024-06-01", "+19875"], &["2024-06-02", "19876"]),
            (
                Cell::DateTime(1_717_200_000_000),
                &["1717200000000", "2024-06-01T00:00:00Z", "2024-06-01T02:00:00+02:00"],
                &["2024-06-01T00:00:01Z"],
            ),
            (Cell::Text("a".into()), &["a"], &["A", "b"]),
            (Cell::Bool(true), &["true"], &["TRUE", "1"]),
        ] {
            assert!(spellings.iter().all(|text| spells(text, &cell)), "{cell:?}");
            assert!(!others.iter().any(|text| spells(text, &cell)), "{cell:?}");
        }
    }

    #[test]
    fn fresh_ids_ascend() {
        let mut ids = FreshIds::new();
        let series: Vec<String> = (0..1000).map(|_| ids.next()).collect();
        assert!(series.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
