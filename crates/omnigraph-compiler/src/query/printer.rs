//! The printer: a syntax tree becomes source text, one member per line, with four spaces of indentation.
//!
//! Parsing the printed text gives the tree back.

use std::fmt::Write as _;

use super::ast::{
    Binding, Body, Clause, Condition, Expr, ExprKind, File, Literal, Operator, Ordering, Param, ParamKind,
    Predicate, PredicateKind, Projection, PropertyRef, PropertyValue, Query, Read, Statement, Traversal,
    Value, ValueKind,
};

/// Writes a file as source text, queries separated by blank lines.
pub fn print(file: &File) -> String {
    let queries: Vec<String> = file.queries.iter().map(query).collect();
    queries.join("\n")
}

fn query(query: &Query) -> String {
    let params: Vec<String> = query.params.iter().map(param).collect();
    let mut out = format!("query {}({})", query.name.node, params.join(", "));
    for (name, text) in [("description", &query.description), ("instruction", &query.instruction)] {
        if let Some(text) = text {
            let _ = write!(out, " @{name}({})", quoted(text));
        }
    }
    out.push_str(" {\n");
    match &query.body {
        Body::Read(r) => read(&mut out, r),
        Body::Mutation(statements) => {
            for s in statements {
                statement(&mut out, s);
            }
        }
    }
    out.push_str("}\n");
    out
}

fn param(param: &Param) -> String {
    let kind = match &param.ty.node.kind {
        ParamKind::Scalar(name) => name.node.clone(),
        ParamKind::List(name) => format!("[{}]", name.node),
        ParamKind::Vector(n) => format!("Vector({})", n.node),
    };
    let mark = if param.ty.node.nullable { "?" } else { "" };
    format!("${}: {kind}{mark}", param.name.node)
}

fn read(out: &mut String, read: &Read) {
    out.push_str("    match {\n");
    clauses(out, &read.clauses, 2);
    out.push_str("    }\n");
    out.push_str(if read.distinct { "    return distinct {\n" } else { "    return {\n" });
    let projections: Vec<String> = read.projections.iter().map(projection).collect();
    let _ = writeln!(out, "        {}\n    }}", projections.join(",\n        "));
    if !read.order.is_empty() {
        let order: Vec<String> = read.order.iter().map(ordering).collect();
        let _ = writeln!(out, "    order {{ {} }}", order.join(", "));
    }
    if let Some(offset) = read.offset {
        let _ = writeln!(out, "    offset {offset}");
    }
    if let Some(limit) = read.limit {
        let _ = writeln!(out, "    limit {limit}");
    }
}

fn clauses(out: &mut String, clauses: &[Clause], level: usize) {
    let indent = "    ".repeat(level);
    for clause in clauses {
        match clause {
            Clause::Negation(block) | Clause::Optional(block) => {
                let word = if matches!(clause, Clause::Negation(_)) { "not" } else { "optional" };
                let _ = writeln!(out, "{indent}{word} {{");
                self::clauses(out, &block.node, level + 1);
                let _ = writeln!(out, "{indent}}}");
            }
            Clause::Binding(b) => {
                let _ = writeln!(out, "{indent}{}", binding(b));
            }
            Clause::Traversal(t) => {
                let _ = writeln!(out, "{indent}{}", traversal(&t.node));
            }
            Clause::Filter(p) => {
                let text = predicate(p, Level::Or);
                let text = if reads_as_traversal(p) { format!("({text})") } else { text };
                let _ = writeln!(out, "{indent}{text}");
            }
        }
    }
}

/// Tells whether a condition starts like a traversal (`$a contains $b`), so that it needs parentheses.
fn reads_as_traversal(predicate: &Predicate) -> bool {
    match &predicate.node {
        PredicateKind::Or(operands) | PredicateKind::And(operands) => {
            operands.first().is_some_and(reads_as_traversal)
        }
        PredicateKind::Compare { op: Operator::Contains | Operator::StartsWith, left, .. } => {
            matches!(left.node, ExprKind::Variable(_))
        }
        PredicateKind::In { element, negated: false, .. } => matches!(element.node, ExprKind::Variable(_)),
        PredicateKind::Compare { .. }
        | PredicateKind::In { .. }
        | PredicateKind::IsNull { .. }
        | PredicateKind::Text(_)
        | PredicateKind::Not(_) => false,
    }
}

fn binding(binding: &Binding) -> String {
    let head = format!("${}: {}", binding.variable.node, binding.ty.node);
    if binding.conditions.is_empty() { head } else { format!("{head} {}", assignments(&binding.conditions)) }
}

fn assignments(members: &[PropertyValue]) -> String {
    let members: Vec<String> =
        members.iter().map(|m| format!("{}: {}", m.property.node, value(&m.value))).collect();
    format!("{{ {} }}", members.join(", "))
}

fn traversal(traversal: &Traversal) -> String {
    let mut out = String::new();
    if let Some(path) = &traversal.path {
        let _ = write!(out, "path ${} = ", path.node);
    }
    let _ = write!(out, "${} ", traversal.left.node);
    if let Some(edge) = &traversal.binding {
        let _ = write!(out, "${}:", edge.node);
    }
    let edge = &traversal.edge.node;
    out.push_str(&if traversal.undirected { format!("<{edge}>") } else { edge.clone() });
    if let Some(bounds) = &traversal.bounds {
        let max = bounds.node.max.map(|m| m.to_string()).unwrap_or_default();
        let _ = write!(out, "{{{},{max}}}", bounds.node.min);
    }
    let _ = write!(out, " ${}", traversal.right.node);
    out
}

/// How tightly a place binds its predicate, loosest first.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Or,
    And,
    Not,
}

fn predicate(predicate: &Predicate, place: Level) -> String {
    let (text, level) = match &predicate.node {
        PredicateKind::Or(operands) => (joined(operands, " or ", Level::And), Level::Or),
        PredicateKind::And(operands) => (joined(operands, " and ", Level::Not), Level::And),
        PredicateKind::Not(operand) => (format!("not {}", self::predicate(operand, Level::Not)), Level::Not),
        PredicateKind::Compare { op, left, right } => {
            (format!("{} {} {}", expr(left), op.text(), expr(right)), Level::Not)
        }
        PredicateKind::In { element, list, negated } => {
            let word = if *negated { "not in" } else { "in" };
            (format!("{} {word} {}", expr(element), expr(list)), Level::Not)
        }
        PredicateKind::IsNull { operand, negated } => {
            let word = if *negated { "is not null" } else { "is null" };
            (format!("{} {word}", expr(operand)), Level::Not)
        }
        PredicateKind::Text(call) => (expr(call), Level::Not),
    };
    if level < place { format!("({text})") } else { text }
}

fn joined(operands: &[Predicate], word: &str, place: Level) -> String {
    let operands: Vec<String> = operands.iter().map(|p| predicate(p, place)).collect();
    operands.join(word)
}

/// Writes an expression as source text on one line.
pub(super) fn expr(expr: &Expr) -> String {
    match &expr.node {
        ExprKind::Now => "now()".to_owned(),
        ExprKind::Literal(l) => literal(l),
        ExprKind::Variable(name) => format!("${name}"),
        ExprKind::Property(p) => property(p),
        ExprKind::Alias(name) => name.clone(),
        ExprKind::Aggregate { function, distinct, argument } => {
            let distinct = if *distinct { "distinct " } else { "" };
            let argument = argument.as_ref().map_or_else(|| "*".to_owned(), |a| self::expr(a));
            format!("{}({distinct}{argument})", function.text())
        }
        ExprKind::Measure { function, argument, edge } => {
            format!("{}({}, {})", function.text(), self::expr(argument), edge.node)
        }
        ExprKind::Path { function, argument } => call(function.text(), [Some(argument), None, None]),
        ExprKind::Text { function, field, query, max_edits } => {
            call(function.text(), [Some(field), Some(query), max_edits.as_deref()])
        }
        ExprKind::Nearest { field, query } => {
            format!("nearest({}, {})", property(&field.node), self::expr(query))
        }
        ExprKind::Bm25 { field, query } => call("bm25", [Some(field), Some(query), None]),
        ExprKind::Rrf { arms: [a, b], k } => call("rrf", [Some(a), Some(b), k.as_deref()]),
    }
}

fn call(function: &str, arguments: [Option<&Expr>; 3]) -> String {
    let arguments: Vec<String> = arguments.into_iter().flatten().map(expr).collect();
    format!("{function}({})", arguments.join(", "))
}

fn property(property: &PropertyRef) -> String {
    format!("${}.{}", property.variable.node, property.property.node)
}

fn value(value: &Value) -> String {
    match &value.node {
        ValueKind::Literal(l) => literal(l),
        ValueKind::Variable(name) => format!("${name}"),
        ValueKind::Now => "now()".to_owned(),
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::String(text) => quoted(text),
        Literal::Int(value) => value.to_string(),
        Literal::Float(value) => format!("{value:?}"),
        Literal::Bool(value) => value.to_string(),
        Literal::Date(text) => format!("date({})", quoted(text)),
        Literal::DateTime(text) => format!("datetime({})", quoted(text)),
        Literal::List(items) => {
            let items: Vec<String> = items.iter().map(|i| self::literal(&i.node)).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn projection(projection: &Projection) -> String {
    match &projection.alias {
        Some(alias) => format!("{} as {}", expr(&projection.value), alias.node),
        None => expr(&projection.value),
    }
}

fn ordering(ordering: &Ordering) -> String {
    format!("{}{}", expr(&ordering.value), if ordering.descending { " desc" } else { "" })
}

fn statement(out: &mut String, statement: &Statement) {
    let _ = match statement {
        Statement::Insert { ty, assignments } => {
            writeln!(out, "    insert {} {}", ty.node, self::assignments(assignments))
        }
        Statement::Update { ty, assignments, condition } => {
            let assignments = self::assignments(assignments);
            writeln!(out, "    update {} set {assignments} {}", ty.node, self::condition(condition))
        }
        Statement::Delete { ty, condition } => {
            writeln!(out, "    delete {} {}", ty.node, self::condition(condition))
        }
    };
}

fn condition(condition: &Condition) -> String {
    format!("where {} {} {}", condition.property.node, condition.op.text(), value(&condition.value))
}
