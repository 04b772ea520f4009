//! The printer: a syntax tree becomes source text.

use std::fmt::{self, Write};

use super::ast::{
    Annotation, Argument, Constraint, ConstraintKind, Declaration, Member, Name, Number, Property, Schema,
    Type, TypeKind,
};

/// Writes a tree as source text in the usual layout. Reading the text yields an equal tree; comments are not kept.
///
/// ```
/// use omnigraph_compiler::schema;
/// let tree = schema::parse("node Tag{slug:String@key,@index(slug)}").unwrap();
/// assert_eq!(schema::print(&tree), "node Tag {\n    slug: String @key\n    @index(slug)\n}\n");
/// ```
pub fn print(schema: &Schema) -> String {
    let mut out = String::new();
    for (i, declaration) in schema.declarations.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        write_declaration(&mut out, declaration).expect("writing to a string cannot fail");
    }
    out
}

fn write_declaration(out: &mut String, declaration: &Declaration) -> fmt::Result {
    match declaration {
        Declaration::Interface(interface) => {
            write!(out, "interface {} ", interface.name.text)?;
            write_body(out, &interface.properties, write_property)?;
        }
        Declaration::Node(node) => {
            write!(out, "node {}", node.name.text)?;
            write_annotations(out, &node.annotations)?;
            if !node.implements.is_empty() {
                write!(out, " implements {}", join(&node.implements))?;
            }
            out.push(' ');
            write_body(out, &node.members, write_member)?;
        }
        Declaration::Edge(edge) => {
            write!(out, "edge {}: {} -> {}", edge.name.text, edge.from.text, edge.to.text)?;
            if let Some(cardinality) = &edge.cardinality {
                write!(out, " @card({}..{})", cardinality.min.text, optional(&cardinality.max))?;
            }
            write_annotations(out, &edge.annotations)?;
            if !edge.members.is_empty() {
                out.push(' ');
                write_body(out, &edge.members, write_member)?;
            }
        }
    }
    out.push('\n');
    Ok(())
}

fn write_body<M>(out: &mut String, members: &[M], write: fn(&mut String, &M) -> fmt::Result) -> fmt::Result {
    if members.is_empty() {
        out.push_str("{}");
        return Ok(());
    }
    out.push_str("{\n");
    for member in members {
        out.push_str("    ");
        write(out, member)?;
        out.push('\n');
    }
    out.push('}');
    Ok(())
}

fn write_member(out: &mut String, member: &Member) -> fmt::Result {
    match member {
        Member::Property(property) => write_property(out, property),
        Member::Constraint(constraint) => write_constraint(out, constraint),
    }
}

fn write_property(out: &mut String, property: &Property) -> fmt::Result {
    write!(out, "{}: {}", property.name.text, property.ty)?;
    write_annotations(out, &property.annotations)
}

fn write_constraint(out: &mut String, constraint: &Constraint) -> fmt::Result {
    write!(out, "@{}(", constraint.kind.word())?;
    match &constraint.kind {
        ConstraintKind::Key(members) | ConstraintKind::Unique(members) => out.push_str(&join(members)),
        ConstraintKind::Index { members, keywords } => {
            let members = members.iter().map(|name| name.text.clone());
            write_arguments(out, members, keywords);
        }
        ConstraintKind::Range { property, min, max } => {
            write!(out, "{}, {}..{}", property.text, optional(min), optional(max))?;
        }
        ConstraintKind::Check { property, pattern } => write!(out, "{}, {}", property.text, quote(pattern))?,
    }
    out.push(')');
    Ok(())
}

fn write_annotations(out: &mut String, annotations: &[Annotation]) -> fmt::Result {
    for annotation in annotations {
        write!(out, " @{}", annotation.name.text)?;
        if annotation.argument.is_some() || !annotation.keywords.is_empty() {
            out.push('(');
            write_arguments(out, annotation.argument.iter().map(spell), &annotation.keywords);
            out.push(')');
        }
    }
    Ok(())
}

fn write_arguments(
    out: &mut String,
    positional: impl Iterator<Item = String>,
    keywords: &[(Name, Argument)],
) {
    let keywords = keywords.iter().map(|(name, value)| format!("{}={}", name.text, spell(value)));
    out.push_str(&positional.chain(keywords).collect::<Vec<_>>().join(", "));
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TypeKind::Scalar(name) => f.write_str(&name.text)?,
            TypeKind::List(name) => write!(f, "[{}]", name.text)?,
            TypeKind::Vector(dimension) => write!(f, "Vector({})", dimension.text)?,
            TypeKind::Enum(values) => write!(f, "enum({})", join(values))?,
        }
        if self.nullable { f.write_str("?") } else { Ok(()) }
    }
}

fn join(names: &[Name]) -> String {
    names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(", ")
}

fn optional(number: &Option<Number>) -> &str {
    number.as_ref().map_or("", |number| number.text.as_str())
}

fn spell(argument: &Argument) -> String {
    match argument {
        Argument::Text(text) => quote(text),
        Argument::Word(_) | Argument::Number(_) | Argument::Bool(_) => argument.text().to_owned(),
    }
}

fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
