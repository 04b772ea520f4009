//! Builds row images of one type, column by column, from JSON members or from query values.
//!
//! Checks required properties, types and widths, and derives ids; value constraints are checked on the whole batch
//! later. Every error names the place, the type and the property.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Date32Builder, Date64Builder, FixedSizeListBuilder, Float32Builder,
    Float64Builder, Int32Builder, Int64Builder, LargeBinaryBuilder, ListBuilder, StringBuilder,
    UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, SchemaRef};
use omnigraph_compiler::catalog::{Catalog, EntityKind, Property, TypeKey};
use omnigraph_compiler::diagnostics::closest;
use omnigraph_compiler::types::{Kind, Scalar, Type, Value};
use omnigraph_graph::model::{ID, physical_schema, scalar_type};

use super::cell::{Cell, CellError, from_json, from_value, type_name};
use super::ids::{FreshIds, denotes, derive_id};
use super::json::{Json, Members};
use super::spool::spool_schema;
use crate::error::{OmniError, Result, Unit, Violation};

/// What a place in the input is called, and whether members that no property has are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputPolicy {
    /// Physical lines; unknown members are errors.
    Strict,
    /// Records; unknown members are ignored.
    Permissive,
}

impl InputPolicy {
    /// Returns what places in the input are counted in.
    pub(crate) fn unit(self) -> Unit {
        match self {
            InputPolicy::Strict => Unit::Line,
            InputPolicy::Permissive => Unit::Record,
        }
    }
}

/// Names that belong to the storage and never are input.
pub(crate) const PHYSICAL: [&str; 6] = [
    "_tombstone",
    "_rowid",
    "_rowaddr",
    "_rowoffset",
    "_row_created_at_version",
    "_row_last_updated_at_version",
];

/// An id that the input gives.
#[derive(Clone, Copy)]
struct Explicit<'a> {
    text: &'a str,
    /// Whether an older spelling of a key is accepted.
    older: bool,
}

/// Gathers rows of one type.
pub(crate) struct RowBuilder {
    key: TypeKey,
    schema: SchemaRef,
    properties: Vec<Property>,
    /// Indexes into `properties` in ascending property id; empty without a key.
    key_members: Vec<usize>,
    fresh: FreshIds,
    ids: StringBuilder,
    ends: Option<(StringBuilder, StringBuilder)>,
    columns: Vec<ColumnBuilder>,
    lines: UInt64Builder,
    bytes: usize,
    all_fresh: bool,
    /// Whether vectors that are left out are embedded later.
    embeds: bool,
}

impl RowBuilder {
    /// Starts without rows. Where missing vectors are embedded later, a required one may be null
    /// ([`super::embed::fill`]).
    ///
    /// # Errors
    /// Not found when the catalog has no such type.
    pub(crate) fn new(catalog: &Catalog, key: &TypeKey, embeds: bool) -> Result<RowBuilder> {
        let missing = || OmniError::not_found(format!("unknown {} type '{}'", key.kind, key.name));
        let table = physical_schema(catalog, key).ok_or_else(missing)?;
        let properties = catalog.properties(key).ok_or_else(missing)?.to_vec();
        let members = match key.kind {
            EntityKind::Node => catalog.nodes.get(&key.name).and_then(|node| node.key()),
            EntityKind::Edge => None,
        };
        let position = |member: &Property| properties.iter().position(|p| p.id == member.id);
        let key_members = members.unwrap_or_default().into_iter().filter_map(position).collect();
        let edge = key.kind == EntityKind::Edge;
        Ok(RowBuilder {
            key: key.clone(),
            schema: spool_schema(&table),
            key_members,
            fresh: FreshIds::new(),
            ids: StringBuilder::new(),
            ends: edge.then(|| (StringBuilder::new(), StringBuilder::new())),
            columns: properties.iter().map(|p| ColumnBuilder::new(&p.ty)).collect(),
            properties,
            lines: UInt64Builder::new(),
            bytes: 0,
            all_fresh: true,
            embeds,
        })
    }

    /// Returns the number of rows since the last [`RowBuilder::finish`].
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Tells whether every id handed out so far is a fresh one, which no stored entity can have.
    pub(crate) fn all_fresh(&self) -> bool {
        self.all_fresh
    }

    /// Returns about how many bytes those rows hold.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a row from the members of an input record's `data`. Returns the canonical id when the record gives it in
    /// an older spelling.
    ///
    /// # Errors
    /// Invalid input, with line, type and property.
    pub(crate) fn append_json(
        &mut self,
        line: u64,
        data: &Members<'_>,
        endpoints: Option<(&str, &str)>,
        policy: InputPolicy,
    ) -> Result<Option<String>> {
        let unit = policy.unit();
        let mut cells: Vec<Cell<'_>> = Vec::new();
        cells.resize(self.properties.len(), Cell::Null);
        let mut explicit = None;
        for (name, value) in data {
            if name == ID {
                match value {
                    Json::Text(text) => explicit = Some(text.as_ref()),
                    _ if policy == InputPolicy::Permissive && endpoints.is_some() => {}
                    _ => {
                        return Err(self.refuse(
                            unit,
                            line,
                            None,
                            match policy {
                                InputPolicy::Strict => "field 'id' must be a string",
                                InputPolicy::Permissive => "explicit id must be a string",
                            },
                        ));
                    }
                }
                continue;
            }
            match self.properties.binary_search_by(|p| p.name.as_str().cmp(name)) {
                Ok(at) => {
                    let property = &self.properties[at];
                    cells[at] = from_json(value, &property.ty)
                        .map_err(|e| self.refuse_cell(unit, line, property, &e))?;
                }
                Err(_) if policy == InputPolicy::Permissive => {}
                Err(_) => return Err(self.unknown_member(line, name)),
            }
        }
        let explicit = explicit.map(|text| Explicit { text, older: policy == InputPolicy::Permissive });
        let id = self.append(unit, line, explicit, &cells, endpoints)?;
        Ok(explicit.is_some_and(|given| given.text != id).then_some(id))
    }

    /// Appends a row from query values; properties that are not given are null.
    ///
    /// # Errors
    /// Invalid input, with statement, type and property.
    pub(crate) fn append_values(
        &mut self,
        line: u64,
        values: &BTreeMap<String, Value>,
        endpoints: Option<(&str, &str)>,
    ) -> Result<()> {
        let mut cells: Vec<Cell<'_>> = Vec::new();
        cells.resize(self.properties.len(), Cell::Null);
        for (name, value) in values {
            let at = self
                .properties
                .binary_search_by(|p| p.name.as_str().cmp(name))
                .map_err(|_| OmniError::internal(format!("{} has no property '{name}'", self.key)))?;
            let property = &self.properties[at];
            cells[at] = from_value(value, &property.ty)
                .map_err(|e| self.refuse_cell(STATEMENT, line, property, &e))?;
        }
        self.append(STATEMENT, line, None, &cells, endpoints).map(|_| ())
    }

    fn append(
        &mut self,
        unit: Unit,
        line: u64,
        explicit: Option<Explicit<'_>>,
        cells: &[Cell<'_>],
        endpoints: Option<(&str, &str)>,
    ) -> Result<String> {
        for (property, cell) in self.properties.iter().zip(cells) {
            let later = self.embeds && property.embed.is_some();
            if *cell == Cell::Null && !property.ty.nullable && !later {
                let violation =
                    Violation::Required { type_name: self.key.name.clone(), property: property.name.clone() };
                return Err(self.refuse(unit, line, Some(property), violation));
            }
        }
        let id = self.id(unit, line, explicit, cells)?;
        self.bytes += id.len() + 16;
        self.ids.append_value(&id);
        match (&mut self.ends, endpoints) {
            (Some((sources, targets)), Some((from, to))) => {
                self.bytes += from.len() + to.len();
                sources.append_value(from);
                targets.append_value(to);
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                return Err(OmniError::internal("edges have endpoints and nodes have none"));
            }
        }
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.bytes += column.append(cell);
        }
        self.lines.append_value(line);
        Ok(id)
    }

    fn id(
        &mut self,
        unit: Unit,
        line: u64,
        explicit: Option<Explicit<'_>>,
        cells: &[Cell<'_>],
    ) -> Result<String> {
        self.all_fresh &= self.key_members.is_empty() && explicit.is_none();
        if self.key_members.is_empty() {
            return Ok(explicit.map_or_else(|| self.fresh.next(), |given| given.text.to_owned()));
        }
        let members: Vec<(&Property, &Cell<'_>)> =
            self.key_members.iter().map(|at| (&self.properties[*at], &cells[*at])).collect();
        let id = derive_id(&members)
            .map_err(|property| self.refuse(unit, line, Some(property), "a key value must be finite"))?;
        match explicit {
            Some(given) if given.text != id && !(given.older && denotes(given.text, &members)) => {
                let given = given.text;
                let text =
                    format!("id '{given}' of {} does not match its canonical @key id '{id}'", self.key.name);
                Err(self.refuse(unit, line, None, text))
            }
            _ => Ok(id),
        }
    }

    /// Hands out the rows gathered so far and starts anew.
    ///
    /// # Errors
    /// [`OmniError::DataFusion`] only if a builder broke its own schema.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch> {
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.ids.finish())];
        if let Some((sources, targets)) = &mut self.ends {
            arrays.push(Arc::new(sources.finish()));
            arrays.push(Arc::new(targets.finish()));
        }
        arrays.extend(self.columns.iter_mut().map(ColumnBuilder::finish));
        arrays.push(Arc::new(self.lines.finish()));
        self.bytes = 0;
        Ok(RecordBatch::try_new(self.schema.clone(), arrays)?)
    }

    fn refuse(
        &self,
        unit: Unit,
        line: u64,
        property: Option<&Property>,
        message: impl std::fmt::Display,
    ) -> OmniError {
        let property = property.map(|p| p.name.clone());
        OmniError::input(unit, line, Some(self.key.clone()), property, message)
    }

    fn refuse_cell(&self, unit: Unit, line: u64, property: &Property, error: &CellError) -> OmniError {
        refuse_cell(unit, &self.key, line, property, error)
    }

    fn unknown_member(&self, line: u64, name: &str) -> OmniError {
        let type_name = &self.key.name;
        let text = if PHYSICAL.contains(&name) {
            format!("field '{name}' of {type_name} is reserved physical state")
        } else if self.ends.is_some() && (name == "src" || name == "dst") {
            format!(
                "field '{name}' of {type_name} is reserved structural state; the envelope has 'from' and 'to'"
            )
        } else {
            let near = closest(name, self.properties.iter().map(|p| p.name.as_str()));
            let hint = near.map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
            format!("unknown input field '{name}' of {type_name}{hint}")
        };
        self.refuse(InputPolicy::Strict.unit(), line, None, text)
    }
}

const STATEMENT: Unit = Unit::Statement;

fn refuse_cell(unit: Unit, key: &TypeKey, line: u64, property: &Property, error: &CellError) -> OmniError {
    let message = match error {
        CellError::NotAnArray(_) => {
            format!(
                "property '{}' of {} {error} (stored as {})",
                property.name,
                key.name,
                type_name(&property.ty)
            )
        }
        CellError::Kind { .. } => format!("property '{}' of {} {error}", property.name, key.name),
        other => format!("property '{}' of {}: {other}", property.name, key.name),
    };
    OmniError::input(unit, line, Some(key.clone()), Some(property.name.clone()), message)
}

/// Converts one assigned value to a column of one row.
///
/// # Errors
/// Invalid input, with statement, type and property; also null for a required property.
pub(crate) fn value_column(key: &TypeKey, property: &Property, line: u64, value: &Value) -> Result<ArrayRef> {
    let cell =
        from_value(value, &property.ty).map_err(|e| refuse_cell(STATEMENT, key, line, property, &e))?;
    if cell == Cell::Null && !property.ty.nullable {
        let violation = Violation::Required { type_name: key.name.clone(), property: property.name.clone() };
        let name = Some(property.name.clone());
        return Err(OmniError::input(STATEMENT, line, Some(key.clone()), name, violation));
    }
    let mut column = ColumnBuilder::new(&property.ty);
    column.append(&cell);
    Ok(column.finish())
}

/// An Arrow builder of a property's column.
enum ColumnBuilder {
    Scalar(ScalarBuilder),
    List(ListBuilder<ScalarBuilder>),
    Vector(usize, FixedSizeListBuilder<Float32Builder>),
}

impl ColumnBuilder {
    fn new(ty: &Type) -> ColumnBuilder {
        match &ty.kind {
            Kind::Scalar(scalar) => ColumnBuilder::Scalar(ScalarBuilder::new(*scalar)),
            Kind::Enum(_) => ColumnBuilder::Scalar(ScalarBuilder::new(Scalar::String)),
            Kind::List(scalar) => {
                let item = Field::new("item", scalar_type(*scalar), true);
                ColumnBuilder::List(ListBuilder::new(ScalarBuilder::new(*scalar)).with_field(item))
            }
            Kind::Vector(dimension) => {
                let size =
                    i32::try_from(*dimension).expect("the compiler bounds vector dimensions by i32::MAX");
                ColumnBuilder::Vector(
                    *dimension as usize,
                    FixedSizeListBuilder::new(Float32Builder::new(), size),
                )
            }
        }
    }

    /// Appends a value of the column's type, and returns about how many bytes it holds.
    fn append(&mut self, cell: &Cell<'_>) -> usize {
        match (self, cell) {
            (ColumnBuilder::Scalar(builder), cell) => builder.append(cell),
            (ColumnBuilder::List(builder), Cell::List(items)) => {
                let bytes = items.iter().map(|item| builder.values().append(item)).sum();
                builder.append(true);
                bytes
            }
            (ColumnBuilder::List(builder), _) => {
                builder.append(false);
                4
            }
            (ColumnBuilder::Vector(dimension, builder), Cell::Vector(values)) => {
                builder.values().append_slice(values);
                builder.append(true);
                *dimension * 4
            }
            (ColumnBuilder::Vector(dimension, builder), _) => {
                builder.values().append_nulls(*dimension);
                builder.append(false);
                *dimension * 4
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Scalar(builder) => builder.finish(),
            ColumnBuilder::List(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Vector(_, builder) => Arc::new(builder.finish()),
        }
    }
}

/// An Arrow builder of a scalar column or of list items.
enum ScalarBuilder {
    Text(StringBuilder),
    Blob(LargeBinaryBuilder),
    Bool(BooleanBuilder),
    I32(Int32Builder),
    I64(Int64Builder),
    U32(UInt32Builder),
    U64(UInt64Builder),
    F32(Float32Builder),
    F64(Float64Builder),
    Date(Date32Builder),
    DateTime(Date64Builder),
}

macro_rules! each_builder {
    ($self:expr, $builder:ident => $body:expr) => {
        match $self {
            ScalarBuilder::Text($builder) => $body,
            ScalarBuilder::Blob($builder) => $body,
            ScalarBuilder::Bool($builder) => $body,
            ScalarBuilder::I32($builder) => $body,
            ScalarBuilder::I64($builder) => $body,
            ScalarBuilder::U32($builder) => $body,
            ScalarBuilder::U64($builder) => $body,
            ScalarBuilder::F32($builder) => $body,
            ScalarBuilder::F64($builder) => $body,
            ScalarBuilder::Date($builder) => $body,
            ScalarBuilder::DateTime($builder) => $body,
        }
    };
}

impl ScalarBuilder {
    fn new(scalar: Scalar) -> ScalarBuilder {
        match scalar {
            Scalar::String => ScalarBuilder::Text(StringBuilder::new()),
            Scalar::Blob => ScalarBuilder::Blob(LargeBinaryBuilder::new()),
            Scalar::Bool => ScalarBuilder::Bool(BooleanBuilder::new()),
            Scalar::I32 => ScalarBuilder::I32(Int32Builder::new()),
            Scalar::I64 => ScalarBuilder::I64(Int64Builder::new()),
            Scalar::U32 => ScalarBuilder::U32(UInt32Builder::new()),
            Scalar::U64 => ScalarBuilder::U64(UInt64Builder::new()),
            Scalar::F32 => ScalarBuilder::F32(Float32Builder::new()),
            Scalar::F64 => ScalarBuilder::F64(Float64Builder::new()),
            Scalar::Date => ScalarBuilder::Date(Date32Builder::new()),
            Scalar::DateTime => ScalarBuilder::DateTime(Date64Builder::new()),
        }
    }

    /// Appends a value; conversion has made sure that it is null or of the builder's type.
    fn append(&mut self, cell: &Cell<'_>) -> usize {
        match (self, cell) {
            (ScalarBuilder::Text(b), Cell::Text(text)) => {
                b.append_value(text as &Cow<'_, str>);
                return text.len() + 4;
            }
            (ScalarBuilder::Blob(b), Cell::Blob(bytes)) => {
                b.append_value(bytes);
                return bytes.len() + 8;
            }
            (ScalarBuilder::Bool(b), Cell::Bool(value)) => b.append_value(*value),
            (ScalarBuilder::I32(b), Cell::I32(value)) => b.append_value(*value),
            (ScalarBuilder::I64(b), Cell::I64(value)) => b.append_value(*value),
            (ScalarBuilder::U32(b), Cell::U32(value)) => b.append_value(*value),
            (ScalarBuilder::U64(b), Cell::U64(value)) => b.append_value(*value),
            (ScalarBuilder::F32(b), Cell::F32(value)) => b.append_value(*value),
            (ScalarBuilder::F64(b), Cell::F64(value)) => b.append_value(*value),
            (ScalarBuilder::Date(b), Cell::Date(value)) => b.append_value(*value),
            (ScalarBuilder::DateTime(b), Cell::DateTime(value)) => b.append_value(*value),
            (builder, _) => each_builder!(builder, b => b.append_null()),
        }
        8
    }
}

impl ArrayBuilder for ScalarBuilder {
    fn len(&self) -> usize {
        each_builder!(self, b => b.len())
    }

    fn finish(&mut self) -> ArrayRef {
        each_builder!(self, b => Arc::new(b.finish()))
    }

    fn finish_cloned(&self) -> ArrayRef {
        each_builder!(self, b => Arc::new(b.finish_cloned()))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }

    fn into_box_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use omnigraph_compiler::schema;

    use super::super::json::{Duplicates, parse};
    use super::*;
    use omnigraph_graph::model::column_type;

    const SOURCE: &str = "node Doc { slug: String @key  n: I32?  tags: [String]?  vec: Vector(2)?  raw: Blob? } \
        node Note { text: String } edge Cites: Doc -> Doc { weight: F64? }";

    fn builder(key: TypeKey) -> RowBuilder {
        RowBuilder::new(&schema::compile(SOURCE, "01TEST").unwrap().catalog, &key, false).unwrap()
    }

    fn append(
        rows: &mut RowBuilder,
        data: &str,
        ends: Option<(&str, &str)>,
    ) -> std::result::Result<(), String> {
        let Json::Object(members) = parse(data.as_bytes(), Duplicates::Refuse).unwrap() else { panic!() };
        rows.append_json(7, &members, ends, InputPolicy::Strict).map(|_| ()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_batch_has_the_tables_columns_and_the_line() {
        let mut rows = builder(TypeKey::node("Doc"));
        append(&mut rows, r#"{"slug":"a","n":1,"tags":["x","y"],"vec":[1,2],"raw":"base64:aGk="}"#, None)
            .unwrap();
        append(&mut rows, r#"{"slug":"b"}"#, None).unwrap();
        assert_eq!(rows.len(), 2);
        let batch = rows.finish().unwrap();
        let names: Vec<_> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["id", "n", "raw", "slug", "tags", "vec", "__line"]);
        assert_eq!(batch.column(0).as_string::<i32>().value(1), "b");
        assert_eq!(batch.column(1).null_count(), 1);
        assert_eq!(batch.column(4).null_count(), 1);
        assert_eq!(rows.len(), 0);
    }

    #[test]
    fn errors_name_line_type_and_property() {
        let mut rows = builder(TypeKey::node("Doc"));
        let error = append(&mut rows, r#"{"slug":"a","n":"one"}"#, None).unwrap_err();
        assert!(error.starts_with("line 7: property 'n' of Doc expects Int32"), "{error}");
        let error = append(&mut rows, r#"{"n":1}"#, None).unwrap_err();
        assert!(
            error.contains("missing required property 'slug'") && error.contains("non-nullable"),
            "{error}"
        );
        let error = append(&mut rows, r#"{"slgu":"a"}"#, None).unwrap_err();
        assert!(
            error.contains("unknown input field 'slgu'") && error.contains("did you mean 'slug'"),
            "{error}"
        );
        let error = append(&mut rows, r#"{"slug":"a","_rowid":1}"#, None).unwrap_err();
        assert!(error.contains("reserved physical state"), "{error}");
        let error = append(&mut rows, r#"{"slug":"a","id":"b"}"#, None).unwrap_err();
        assert!(error.contains("does not match its canonical @key id 'a'"), "{error}");
        let error = append(&mut rows, r#"{"slug":"a","id":null}"#, None).unwrap_err();
        assert!(error.contains("field 'id' must be a string"), "{error}");
    }

    #[test]
    fn edges_have_endpoints_and_refuse_them_as_data() {
        let mut rows = builder(TypeKey::edge("Cites"));
        append(&mut rows, r#"{"id":"e1","weight":0.5}"#, Some(("a", "b"))).unwrap();
        let error = append(&mut rows, r#"{"src":"a"}"#, Some(("a", "b"))).unwrap_err();
        assert!(error.contains("reserved structural state"), "{error}");
        let batch = rows.finish().unwrap();
        assert_eq!(batch.column(2).as_string::<i32>().value(0), "b");
    }

    #[test]
    fn unkeyed_nodes_get_fresh_ids_or_keep_the_given_one() {
        let mut rows = builder(TypeKey::node("Note"));
        append(&mut rows, r#"{"text":"t"}"#, None).unwrap();
        append(&mut rows, r#"{"text":"t","id":"mine"}"#, None).unwrap();
        let batch = rows.finish().unwrap();
        assert_eq!(batch.column(0).as_string::<i32>().value(0).len(), 26);
        assert_eq!(batch.column(0).as_string::<i32>().value(1), "mine");
    }

    #[test]
    fn a_value_column_refuses_null_for_a_required_property() {
        let catalog = schema::compile(SOURCE, "01TEST").unwrap().catalog;
        let property = catalog.nodes["Doc"].property("slug").unwrap();
        let error = value_column(&TypeKey::node("Doc"), property, 2, &Value::Null).unwrap_err();
        assert!(error.to_string().starts_with("statement 2: missing required property 'slug'"));
    }

    #[test]
    fn column_types_match_the_physical_schema() {
        for scalar in Scalar::ALL {
            let ty = Type::optional(Kind::Scalar(scalar));
            assert_eq!(*ColumnBuilder::new(&ty).finish().data_type(), column_type(&ty));
        }
    }
}
