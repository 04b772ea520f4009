//! Ids of entities: the canonical text of the key, or a fresh ULID. One implementation for every way of writing.

use omnigraph_compiler::catalog::Property;
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
    fn fresh_ids_ascend() {
        let mut ids = FreshIds::new();
        let series: Vec<String> = (0..1000).map(|_| ids.next()).collect();
        assert!(series.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
