//! Reads `contract.txt`, the table of the members that every wire type has.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// How a member behaves when there is nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    LeftOut,
    Null,
    Default,
    DefaultLeftOut,
}

/// Type of a member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Text,
    Bool,
    U64,
    Usize,
    U32,
    I64,
    Any,
    Array(Box<Type>),
    Component(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) presence: Presence,
    pub(crate) ty: Type,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Object { closed: bool, members: Vec<Member> },
    Enum(Vec<&'static str>),
    OneOf(Vec<&'static str>),
}

pub(crate) type Contract = BTreeMap<&'static str, Shape>;

/// Reads the table.
pub(crate) fn contract() -> Contract {
    include_str!("contract.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split_whitespace();
            let (shape, name) = (words.next().unwrap(), words.next().unwrap());
            let shape = match shape {
                "enum" => Shape::Enum(words.collect()),
                "oneof" => Shape::OneOf(words.collect()),
                "object" | "closed" => {
                    Shape::Object { closed: shape == "closed", members: words.map(member).collect() }
                }
                other => panic!("unknown shape {other}"),
            };
            (name, shape)
        })
        .collect()
}

fn member(text: &'static str) -> Member {
    let (name, ty) = text.split_once(':').unwrap();
    let marks = [
        ('?', Presence::LeftOut),
        ('|', Presence::Null),
        ('=', Presence::Default),
        ('~', Presence::DefaultLeftOut),
    ];
    let marked = marks.iter().find_map(|(mark, presence)| Some((name.strip_suffix(*mark)?, *presence)));
    let (name, presence) = marked.unwrap_or((name, Presence::Required));
    Member { name, presence, ty: ty_of(ty) }
}

fn ty_of(text: &'static str) -> Type {
    match text {
        "string" => Type::Text,
        "bool" => Type::Bool,
        "u64" => Type::U64,
        "usize" => Type::Usize,
        "u32" => Type::U32,
        "i64" => Type::I64,
        "any" => Type::Any,
        name => match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(item) => Type::Array(Box::new(ty_of(item))),
            None => Type::Component(name),
        },
    }
}

/// Makes a value of a component: with everything there is, or with as little as there can be.
pub(crate) fn sample(contract: &Contract, name: &str, full: bool) -> Value {
    match &contract[name] {
        Shape::Enum(words) => json!(words[0]),
        Shape::OneOf(names) => sample(contract, names[0], full),
        Shape::Object { members, .. } => {
            let mut object = Map::new();
            for member in members {
                let value = match (full, member.presence) {
                    (true, _) | (_, Presence::Required) => value(contract, member, &member.ty, full),
                    (false, Presence::Null) => Value::Null,
                    (false, Presence::Default) if member.ty == Type::Bool => json!(false),
                    (false, Presence::Default) => json!([]),
                    (false, Presence::LeftOut | Presence::DefaultLeftOut) => continue,
                };
                object.insert(member.name.to_owned(), value);
            }
            Value::Object(object)
        }
    }
}

fn value(contract: &Contract, member: &Member, ty: &Type, full: bool) -> Value {
    let object = json!({"z": -1.0, "a": [9007199254740993_u64, null, "ü\u{1F600}"]});
    match ty {
        Type::Text => json!(format!("the {}", member.name)),
        Type::Bool => json!(true),
        Type::U64 | Type::Usize => json!(u64::MAX),
        Type::U32 => json!(u32::MAX),
        Type::I64 => json!(i64::MIN),
        Type::Any if member.name == "rows" => json!([object]),
        Type::Any => object,
        Type::Array(item) => json!([value(contract, member, item, full)]),
        Type::Component(name) => sample(contract, name, full),
    }
}
