//! The migration plan as a value, in the shape in which it travels as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codes;
use super::declaration::DeclarationKind;
use crate::catalog::{Annotation, Constraint};
use crate::types::{Kind, Scalar, Type};

/// What has to happen so that a graph gets the desired schema. An empty plan means that nothing differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MigrationPlan {
    /// Whether the plan can be applied: no step is [`MigrationStep::UnsupportedChange`].
    pub supported: bool,
    /// The steps in order.
    pub steps: Vec<MigrationStep>,
}

/// Whether a drop leaves older snapshots readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropMode {
    /// Snapshots from before the drop keep the data until cleanup.
    Soft,
    /// Older versions of the table are removed right after the change; irreversible.
    Hard,
}

impl fmt::Display for DropMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DropMode::Soft => "soft",
            DropMode::Hard => "hard",
        })
    }
}

/// One difference between the accepted and the desired schema. Types and properties go by their new names, except
/// in `from` and in drops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MigrationStep {
    /// A type is new, with its properties and constraints.
    AddType {
        /// Interface, node or edge.
        type_kind: DeclarationKind,
        /// The type.
        name: String,
    },
    /// A type has another name; rows, ids and history stay.
    RenameType {
        /// Interface, node or edge.
        type_kind: DeclarationKind,
        /// Former name.
        from: String,
        /// Name from now on.
        to: String,
    },
    /// An optional property is new; existing rows have null.
    AddProperty {
        /// Kind of the owner.
        type_kind: DeclarationKind,
        /// The owner.
        type_name: String,
        /// The property.
        property_name: String,
        /// Its type.
        property_type: PropertyType,
    },
    /// A property has another name; values and node ids stay.
    RenameProperty {
        /// Kind of the owner.
        type_kind: DeclarationKind,
        /// The owner.
        type_name: String,
        /// Former name.
        from: String,
        /// Name from now on.
        to: String,
    },
    /// An `@index` is new.
    AddConstraint {
        /// Kind of the owner.
        type_kind: DeclarationKind,
        /// The owner.
        type_name: String,
        /// The constraint.
        constraint: Constraint,
    },
    /// An enum allows further values.
    ExtendEnum {
        /// Kind of the owner.
        type_kind: DeclarationKind,
        /// The owner.
        type_name: String,
        /// The property.
        property_name: String,
        /// The new values, sorted.
        added_values: Vec<String>,
    },
    /// `@description` or `@instruction` of a type differ.
    UpdateTypeMetadata {
        /// Interface, node or edge.
        type_kind: DeclarationKind,
        /// The type.
        name: String,
        /// All such annotations from now on.
        annotations: Vec<Annotation>,
    },
    /// `@description` of a property differs, or the metric of its `@index`. No row is rewritten; an index that
    /// was built for another metric is derived state, made again when indexes are.
    UpdatePropertyMetadata {
        /// Kind of the owner.
        type_kind: DeclarationKind,
        /// The owner.
        type_name: String,
        /// The property.
        property_name: String,
        /// All such annotations from now on: texts sorted, then `@index` with the metric of a vector that has, or
        /// had, another one than the default.
        annotations: Vec<Annotation>,
    },
    /// A type is gone.
    DropType {
        /// Node or edge.
        type_kind: DeclarationKind,
        /// The type, by its accepted name.
        name: String,
        /// What happens to older snapshots.
        mode: DropMode,
    },
    /// A property is gone.
    DropProperty {
        /// Kind of the owner.
        type_kind: DeclarationKind,
        /// The owner, by its new name.
        type_name: String,
        /// The property, by its accepted name.
        property_name: String,
        /// What happens to older snapshots.
        mode: DropMode,
    },
    /// A difference that no migration covers.
    UnsupportedChange {
        /// `kind:T`, `kind:T.p` or `schema`.
        entity: String,
        /// Why, in words.
        reason: String,
        /// A code of [`codes`], if the change has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
}

/// A property type as plans spell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertyType {
    /// The scalar, of elements if a list; `String` if an enum.
    pub scalar: ScalarShape,
    /// Whether null is a value.
    pub nullable: bool,
    /// Whether it is a list of the scalar.
    pub list: bool,
    /// The sorted values of an enum.
    pub enum_values: Option<Vec<String>>,
}

/// A scalar name, or `{"Vector": n}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ScalarShape {
    /// A scalar by name.
    Scalar(Scalar),
    /// A vector.
    Vector {
        /// Its dimension.
        #[serde(rename = "Vector")]
        dimension: u32,
    },
}

impl From<&Type> for PropertyType {
    fn from(ty: &Type) -> PropertyType {
        let (scalar, list, enum_values) = match &ty.kind {
            Kind::Scalar(scalar) => (ScalarShape::Scalar(*scalar), false, None),
            Kind::List(scalar) => (ScalarShape::Scalar(*scalar), true, None),
            Kind::Vector(dimension) => (ScalarShape::Vector { dimension: *dimension }, false, None),
            Kind::Enum(values) => (ScalarShape::Scalar(Scalar::String), false, Some(values.clone())),
        };
        PropertyType { scalar, nullable: ty.nullable, list, enum_values }
    }
}

impl fmt::Display for PropertyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (&self.scalar, &self.enum_values) {
            (_, Some(values)) => Kind::Enum(values.clone()),
            (ScalarShape::Vector { dimension }, None) => Kind::Vector(*dimension),
            (ScalarShape::Scalar(scalar), None) if self.list => Kind::List(*scalar),
            (ScalarShape::Scalar(scalar), None) => Kind::Scalar(*scalar),
        };
        Type { kind, nullable: self.nullable }.fmt(f)
    }
}

impl PropertyType {
    /// Spells the type in a line of a plan, an enum as `Enum(a|b)?`.
    fn text(&self) -> String {
        match &self.enum_values {
            Some(values) => format!("Enum({}){}", values.join("|"), if self.nullable { "?" } else { "" }),
            None => self.to_string(),
        }
    }
}

impl MigrationPlan {
    /// Makes a plan of these steps and judges whether it is supported.
    pub fn new(steps: Vec<MigrationStep>) -> MigrationPlan {
        let supported = !steps.iter().any(|step| matches!(step, MigrationStep::UnsupportedChange { .. }));
        MigrationPlan { supported, steps }
    }

    /// Returns the same plan with every drop hard, as the allow-data-loss option asks.
    pub fn promote_drops_to_hard(mut self) -> MigrationPlan {
        for step in &mut self.steps {
            if let MigrationStep::DropType { mode, .. } | MigrationStep::DropProperty { mode, .. } = step {
                *mode = DropMode::Hard;
            }
        }
        self
    }

    /// Returns why the plan cannot be applied: the first unsupported step, its code in brackets first.
    pub fn refusal(&self) -> Option<String> {
        self.steps.iter().find_map(|step| match step {
            MigrationStep::UnsupportedChange { reason, code: Some(code), .. } => {
                Some(format!("[{code}] {reason}"))
            }
            MigrationStep::UnsupportedChange { reason, code: None, .. } => Some(reason.clone()),
            _ => None,
        })
    }
}

/// One line for people: `add property 'Account.nick' (String?) on node 'Account'`.
impl fmt::Display for MigrationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MigrationStep::AddType { type_kind, name } => write!(f, "add {} '{name}'", noun(*type_kind)),
            MigrationStep::RenameType { type_kind, from, to } => {
                write!(f, "rename {} '{from}' -> '{to}'", noun(*type_kind))
            }
            MigrationStep::AddProperty { type_kind, type_name, property_name, property_type } => {
                let ty = property_type.text();
                write!(f, "add property '{type_name}.{property_name}' ({ty}) on {type_kind} '{type_name}'")
            }
            MigrationStep::RenameProperty { type_kind, type_name, from, to } => write!(
                f,
                "rename property '{type_name}.{from}' -> '{type_name}.{to}' on {type_kind} '{type_name}'"
            ),
            MigrationStep::AddConstraint { type_kind, type_name, constraint } => {
                let constraint = super::constraints::display(constraint);
                write!(f, "add constraint {constraint} on {type_kind} '{type_name}'")
            }
            MigrationStep::ExtendEnum { type_kind, type_name, property_name, added_values } => {
                let values: Vec<String> = added_values.iter().map(|value| format!("+{value}")).collect();
                let values = values.join(", ");
                write!(f, "extend enum '{type_name}.{property_name}' ({values}) on {type_kind} '{type_name}'")
            }
            MigrationStep::UpdateTypeMetadata { type_kind, name, annotations } => {
                write!(f, "update metadata on {type_kind} '{name}' ({})", annotation_list(annotations))
            }
            MigrationStep::UpdatePropertyMetadata { type_kind, type_name, property_name, annotations } => {
                write!(
                    f,
                    "update metadata on property '{type_name}.{property_name}' of {type_kind} '{type_name}' ({})",
                    annotation_list(annotations)
                )
            }
            MigrationStep::DropType { type_kind, name, mode } => {
                write!(f, "drop {} '{name}' ({mode} mode)", noun(*type_kind))
            }
            MigrationStep::DropProperty { type_kind, type_name, property_name, mode } => write!(
                f,
                "drop property '{type_name}.{property_name}' of {type_kind} '{type_name}' ({mode} mode)"
            ),
            MigrationStep::UnsupportedChange { entity, reason, code } => {
                write!(f, "unsupported change on {entity}")?;
                if let Some(code) = code.as_deref().and_then(codes::find) {
                    write!(f, " [{code}]")?;
                }
                write!(f, ": {reason}")
            }
        }
    }
}

/// Returns what a declaration of the kind is called.
fn noun(kind: DeclarationKind) -> &'static str {
    match kind {
        DeclarationKind::Interface => "interface",
        DeclarationKind::Node => "node type",
        DeclarationKind::Edge => "edge type",
    }
}

/// Spells annotations as a schema has them: `@a("v", k="w"), @b`.
fn annotation_list(annotations: &[Annotation]) -> String {
    let spelled = annotations.iter().map(|annotation| {
        let value = annotation.value.iter().map(|value| format!("{value:?}"));
        let kwargs = annotation.kwargs.iter().map(|(name, value)| format!("{name}={value:?}"));
        let arguments: Vec<String> = value.chain(kwargs).collect();
        match arguments.is_empty() {
            true => format!("@{}", annotation.name),
            false => format!("@{}({})", annotation.name, arguments.join(", ")),
        }
    });
    spelled.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: serde_json::Value) -> String {
        serde_json::from_value::<MigrationStep>(step).unwrap().to_string()
    }

    #[test]
    fn every_step_has_its_line() {
        let annotation = Annotation {
            name: "a".to_owned(),
            value: Some("v".to_owned()),
            kwargs: [("k".to_owned(), "w".to_owned())].into(),
        };
        let lines = [
            MigrationStep::RenameType { type_kind: DeclarationKind::Node, from: "A".into(), to: "B".into() }
                .to_string(),
            line(serde_json::json!({"kind": "add_type", "type_kind": "interface", "name": "I"})),
            line(serde_json::json!({
                "kind": "extend_enum", "type_kind": "node", "type_name": "T", "property_name": "p",
                "added_values": ["x", "y"],
            })),
            MigrationStep::AddConstraint {
                type_kind: DeclarationKind::Node,
                type_name: "T".into(),
                constraint: Constraint::Unique(vec!["a".into(), "b".into()]),
            }
            .to_string(),
            MigrationStep::UpdatePropertyMetadata {
                type_kind: DeclarationKind::Edge,
                type_name: "T".into(),
                property_name: "p".into(),
                annotations: vec![annotation],
            }
            .to_string(),
            line(serde_json::json!({
                "kind": "unsupported_change", "entity": "node:T.p", "reason": "why", "code": "OG-MF-106",
            })),
        ];
        expect_test::expect![[r#"
            rename node type 'A' -> 'B'
            add interface 'I'
            extend enum 'T.p' (+x, +y) on node 'T'
            add constraint @unique(a, b) on node 'T'
            update metadata on property 'T.p' of edge 'T' (@a("v", k="w"))
            unsupported change on node:T.p [OG-MF-106, destructive]: why"#]]
        .assert_eq(&lines.join("\n"));
    }
}
