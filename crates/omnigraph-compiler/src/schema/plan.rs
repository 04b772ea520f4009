//! A migration plan as a value, in the shape in which it travels as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codes;
use super::declaration::DeclarationKind;
use crate::catalog::{Annotation, Constraint};
use crate::types::{Kind, Scalar, Type};

/// What has to happen so that a graph gets the desired schema. An empty plan means that nothing differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Whether the plan can be applied: no step is [`Step::UnsupportedChange`].
    pub supported: bool,
    /// The steps in order.
    pub steps: Vec<Step>,
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
pub enum Step {
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
    /// `@description` of a property differs.
    UpdatePropertyMetadata {
        /// Kind of the owner.
        type_kind: DeclarationKind,
        /// The owner.
        type_name: String,
        /// The property.
        property_name: String,
        /// All such annotations from now on.
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

impl Plan {
    /// Makes a plan of these steps and judges whether it is supported.
    pub fn new(steps: Vec<Step>) -> Plan {
        let supported = !steps.iter().any(|step| matches!(step, Step::UnsupportedChange { .. }));
        Plan { supported, steps }
    }

    /// Returns the same plan with every drop hard, as the allow-data-loss option asks.
    pub fn promote_drops_to_hard(mut self) -> Plan {
        for step in &mut self.steps {
            if let Step::DropType { mode, .. } | Step::DropProperty { mode, .. } = step {
                *mode = DropMode::Hard;
            }
        }
        self
    }

    /// Returns why the plan cannot be applied: the first unsupported step, its code in brackets first.
    pub fn refusal(&self) -> Option<String> {
        self.steps.iter().find_map(|step| match step {
            Step::UnsupportedChange { reason, code: Some(code), .. } => Some(format!("[{code}] {reason}")),
            Step::UnsupportedChange { reason, code: None, .. } => Some(reason.clone()),
            _ => None,
        })
    }
}

/// One line for people: `add property 'nick' String? to node 'Account'`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::AddType { type_kind, name } => write!(f, "add {type_kind} '{name}'"),
            Step::RenameType { type_kind, from, to } => write!(f, "rename {type_kind} '{from}' to '{to}'"),
            Step::AddProperty { type_kind, type_name, property_name, property_type } => {
                write!(f, "add property '{property_name}: {property_type}' to {type_kind} '{type_name}'")
            }
            Step::RenameProperty { type_kind, type_name, from, to } => {
                write!(f, "rename property '{from}' of {type_kind} '{type_name}' to '{to}'")
            }
            Step::AddConstraint { type_kind, type_name, constraint } => {
                write!(f, "add {} to {type_kind} '{type_name}'", super::constraints::display(constraint))
            }
            Step::ExtendEnum { type_kind, type_name, property_name, added_values } => {
                let values = added_values.join(", ");
                write!(f, "allow {values} in property '{property_name}' of {type_kind} '{type_name}'")
            }
            Step::UpdateTypeMetadata { type_kind, name, .. } => {
                write!(f, "update metadata of {type_kind} '{name}'")
            }
            Step::UpdatePropertyMetadata { type_kind, type_name, property_name, .. } => {
                write!(f, "update metadata of property '{property_name}' of {type_kind} '{type_name}'")
            }
            Step::DropType { type_kind, name, mode } => write!(f, "drop {type_kind} '{name}' ({mode})"),
            Step::DropProperty { type_kind, type_name, property_name, mode } => {
                write!(f, "drop property '{property_name}' of {type_kind} '{type_name}' ({mode})")
            }
            Step::UnsupportedChange { entity, reason, code } => {
                write!(f, "unsupported change on {entity}: {reason}")?;
                match code.as_deref().and_then(codes::find) {
                    Some(code) => write!(f, " [{code}]"),
                    None => Ok(()),
                }
            }
        }
    }
}
