//! Properties over random inputs: printing and reading agree; nothing panics.

use omnigraph_compiler::catalog::Catalog;
use omnigraph_compiler::schema;
use omnigraph_compiler::schema::ast::{
    Annotation, Argument, At, Cardinality, Constraint, ConstraintKind, Declaration, Edge, Interface, Member,
    Name, Node, Number, Property, Schema, Type, TypeKind,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{DOMAIN, catalog};

fn name(pattern: &'static str) -> impl Strategy<Value = Name> {
    pattern.prop_map(|text| Name { text, at: At::default() })
}

fn type_name() -> impl Strategy<Value = Name> {
    name("[A-Z][A-Za-z0-9_]{0,4}")
}

fn word() -> impl Strategy<Value = Name> {
    prop_oneof![4 => name("[a-z_][A-Za-z0-9_]{0,4}"), 1 => name("node|edge|interface|enum|implements|true|key|card")]
}

fn number(pattern: &'static str) -> impl Strategy<Value = Number> {
    pattern.prop_map(|text| Number { text, at: At::default() })
}

fn ty() -> impl Strategy<Value = Type> {
    let scalar = || name("String|Bool|I32|I64|U32|U64|F32|F64|Date|DateTime");
    let kind = prop_oneof![
        scalar().prop_map(TypeKind::Scalar),
        name("Blob").prop_map(TypeKind::Scalar),
        scalar().prop_map(TypeKind::List),
        number("[1-9][0-9]{0,6}").prop_map(TypeKind::Vector),
        vec(name("[A-Za-z0-9_-]{1,6}"), 1..4).prop_map(|mut values| {
            values.sort_by(|a, b| b.text.cmp(&a.text));
            values.dedup();
            TypeKind::Enum(values)
        }),
    ];
    (kind, any::<bool>()).prop_map(|(kind, nullable)| Type { kind, nullable, at: At::default() })
}

fn literal() -> impl Strategy<Value = Argument> {
    prop_oneof![
        any::<String>().prop_map(Argument::Text),
        "[ -~\n\r\t]{0,8}".prop_map(Argument::Text),
        "[0-9]{1,4}(\\.[0-9]{1,3})?".prop_map(Argument::Number),
        any::<bool>().prop_map(Argument::Bool),
    ]
}

fn annotations() -> impl Strategy<Value = Vec<Annotation>> {
    let argument = prop_oneof![
        2 => literal(),
        1 => word().prop_filter_map("booleans are no words", |word| match word.text.as_str() {
            "true" | "false" => None,
            _ => Some(Argument::Word(word.text)),
        }),
    ];
    let keywords = vec((name("[a-z]"), literal()), 0..3).prop_map(|mut keywords| {
        keywords.sort_by(|a, b| b.0.text.cmp(&a.0.text));
        keywords.dedup_by(|a, b| a.0 == b.0);
        keywords
    });
    let annotation =
        (name("x[a-z_]{0,4}"), option::of((argument, keywords))).prop_map(|(name, arguments)| {
            let (argument, keywords) = match arguments {
                Some((argument, keywords)) => (Some(argument), keywords),
                None => (None, Vec::new()),
            };
            Annotation { name, argument, keywords, at: At::default() }
        });
    vec(annotation, 0..3)
}

/// `metric="…"`
fn metric() -> impl Strategy<Value = (Name, Argument)> {
    let key = Name { text: "metric".to_owned(), at: At::default() };
    "l2|cosine|dot".prop_map(move |metric| (key.clone(), Argument::Text(metric)))
}

/// Properties, those of vectors with a metric now and then if `metrics` says that they may have one.
fn properties(metrics: bool) -> impl Strategy<Value = Vec<Property>> {
    let index = option::of(option::of(metric())).prop_map(|index| {
        index.map(|metric| Annotation {
            name: Name { text: "index".to_owned(), at: At::default() },
            argument: None,
            keywords: metric.into_iter().collect(),
            at: At::default(),
        })
    });
    let property =
        (word(), ty(), annotations(), index).prop_map(move |(name, ty, mut annotations, index)| {
            if metrics && matches!(ty.kind, TypeKind::Vector(_)) {
                annotations.extend(index);
            }
            Property { name, ty, annotations, at: At::default() }
        });
    vec(property, 0..5).prop_map(|mut properties| {
        properties.sort_by(|a, b| b.name.text.cmp(&a.name.text));
        properties.dedup_by(|a, b| a.name == b.name);
        properties
    })
}

fn members(constraints: bool) -> impl Strategy<Value = Vec<Member>> {
    let names = || {
        vec(word(), 1..3).prop_map(|mut names| {
            names.sort_by(|a, b| b.text.cmp(&a.text));
            names.dedup();
            names
        })
    };
    let bounds = prop_oneof![
        (-99i64..0, option::of(0u32..99))
            .prop_map(|(a, b)| (Some(a.to_string()), b.map(|b| b.to_string() + ".5"))),
        (-99i64..99).prop_map(|b| (None, Some(b.to_string()))),
    ];
    let bound = |text: Option<String>| text.map(|text| Number { text, at: At::default() });
    let index = |(members, keywords)| ConstraintKind::Index { members, keywords };
    let shared = prop_oneof![
        names().prop_map(ConstraintKind::Unique),
        names().prop_map(move |members| index((members, Vec::new()))),
    ];
    let all = prop_oneof![
        shared.clone(),
        (word(), metric()).prop_map(move |(member, metric)| index((vec![member], vec![metric]))),
        names().prop_map(ConstraintKind::Key),
        (word(), bounds).prop_map(move |(property, (min, max))| ConstraintKind::Range {
            property,
            min: bound(min),
            max: bound(max)
        }),
        (word(), "[a-z\"\n]{0,5}(\\\\\\\\)?")
            .prop_map(|(property, pattern)| ConstraintKind::Check { property, pattern }),
    ];
    let kind = if constraints { all.boxed() } else { shared.boxed() };
    let constraint = kind.prop_map(|kind| Member::Constraint(Constraint { kind, at: At::default() }));
    (properties(constraints), vec(constraint, 0..3), any::<bool>()).prop_map(
        |(properties, mut constraints, first)| {
            let properties = properties.into_iter().map(Member::Property);
            if first {
                constraints.extend(properties);
                constraints
            } else {
                properties.chain(constraints).collect()
            }
        },
    )
}

fn declaration() -> impl Strategy<Value = Declaration> {
    let interface = (type_name(), properties(true)).prop_map(|(name, properties)| {
        Declaration::Interface(Interface { name, properties, at: At::default() })
    });
    let node = (type_name(), annotations(), vec(type_name(), 0..3), members(true)).prop_map(
        |(name, annotations, implements, members)| {
            Declaration::Node(Node { name, annotations, implements, members, at: At::default() })
        },
    );
    let cardinality = option::of((number("[0-9]"), option::of(number("[1-9][0-9]{1,3}"))))
        .prop_map(|card| card.map(|(min, max)| Cardinality { min, max, at: At::default() }));
    let edge = (type_name(), type_name(), type_name(), cardinality, annotations(), members(false)).prop_map(
        |(name, from, to, cardinality, annotations, members)| {
            Declaration::Edge(Edge { name, from, to, cardinality, annotations, members, at: At::default() })
        },
    );
    prop_oneof![interface, node, edge]
}

fn tree() -> impl Strategy<Value = Schema> {
    vec(declaration(), 0..4).prop_map(|declarations| Schema { declarations })
}

/// A schema with every construct, as raw material for mutations.
const SOURCE: &str = r#"
interface Titled { title: String @index vec: Vector(2)? @index(metric="cosine") @embed(title, model="m") }
node Article @description("Pub\"lished") implements Titled {
    slug: String @key, words: I32? @unique state: enum(todo, in-progress, 3d)
    tags: [String]? /* c */ data: Blob? // d
    @range(words, -1.5..2) @check(slug, "^[a-z]+$") @index(words, slug)
    v: Vector(3) @index(v, metric="dot")
}
edge Cites: Article -> Article @card(0..50) @rename_from("Quotes") { weight: F64? @unique(src, dst) }
"#;

/// Everything that the crate does with a text.
fn exercise(source: &str) {
    if let Ok(tree) = schema::parse(source) {
        let printed = schema::print(&tree);
        assert_eq!(schema::parse(&printed).as_ref(), Ok(&tree));
    }
    let accepted = catalog(SOURCE);
    match schema::compile(source, DOMAIN) {
        Ok(compiled) => {
            // Evolving to the same text changes nothing, and every pair of schemas has a plan or errors.
            let same = schema::evolve(&compiled.catalog, source).unwrap();
            assert!(same.plan.steps.is_empty());
            assert_eq!(same.catalog, compiled.catalog);
            let _ = schema::evolve(&compiled.catalog, SOURCE);
        }
        Err(errors) => {
            assert!(!errors.0.is_empty());
            for error in &errors.0 {
                assert!(source.get(error.span.start..error.span.end).is_some_and(|text| !text.is_empty()));
            }
            errors.render("test.pg", source, false);
        }
    }
    let _ = schema::evolve(&accepted, source);
}

/// Text of schemas over few names, so that two of them have much in common. Nearly all compile.
fn small_schema() -> impl Strategy<Value = String> {
    let node = || option::weighted(0.85, (small_body(true), any::<bool>(), small_hint("A")));
    let edge = || {
        let ends = prop_oneof![4 => Just(("A", "A")), 1 => Just(("A", "B")), 1 => Just(("B", "A"))];
        option::of((small_body(false), ends, "||@card\\(0\\.\\.3\\)", small_hint("E")))
    };
    let interface = option::weighted(0.8, small_property(true));
    (interface, node(), node(), edge(), edge()).prop_map(|(interface, a, b, e, f)| {
        let mut text = String::new();
        if let Some((ty, optional, mark)) = &interface {
            text.push_str(&format!("interface I {{ s: {ty}{optional} {mark} }}\n"));
        }
        let nodes: String =
            [("A", &a), ("B", &b)].iter().filter(|(_, n)| n.is_some()).map(|(n, _)| *n).collect();
        for (name, node) in [("A", a), ("B", b)] {
            if let Some((body, implements, hint)) = node {
                let hint = if name == "A" { "" } else { &hint };
                let implements = if implements && interface.is_some() { "implements I" } else { "" };
                text.push_str(&format!("node {name} {hint} {implements} {{ {body} }}\n"));
            }
        }
        for (name, edge) in [("E", e), ("F", f)] {
            if let Some((body, (from, to), card, hint)) = edge
                && nodes.contains(from)
                && nodes.contains(to)
            {
                let hint = if name == "E" { "" } else { &hint };
                text.push_str(&format!("edge {name}: {from} -> {to} {card} {hint} {{ {body} }}\n"));
            }
        }
        text
    })
}

/// Type, optionality and annotation; in nodes and interfaces also vectors with metrics.
fn small_property(vectors: bool) -> impl Strategy<Value = (String, String, String)> {
    let scalar = (
        "I32|String|enum\\(x\\)|enum\\(x, y\\)",
        "|\\?",
        "|||@unique|@index|@description\\(\"d\"\\)|@custom",
    );
    let vector = (
        "Vector\\(2\\)",
        "|\\?",
        "|@index|@index\\(metric=\"(l2|cosine|dot)\"\\)|@index\\(metric=\"dot\"\\) @description\\(\"d\"\\)",
    );
    prop_oneof![3 => scalar, u32::from(vectors) => vector]
}

fn small_hint(old: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just(format!("@rename_from(\"{old}\")"))]
}

fn small_body(vectors: bool) -> impl Strategy<Value = String> {
    let property = || option::weighted(0.7, small_property(vectors));
    let constraint = option::of(prop_oneof![
        Just(("@unique", &["p"][..])),
        Just(("@index", &["p", "q"][..])),
        Just(("@index", &["q"][..])),
        Just(("@unique", &["r", "p"][..])),
    ]);
    (property(), property(), property(), small_hint("p"), constraint).prop_map(
        |(p, q, r, hint, constraint)| {
            let mut text = String::new();
            let mut present = Vec::new();
            for (name, property, hint) in [("p", p, ""), ("q", q, ""), ("r", r, hint.as_str())] {
                if let Some((ty, optional, mark)) = property {
                    text.push_str(&format!("{name}: {ty}{optional} {hint} {mark}\n"));
                    present.push(name);
                }
            }
            if let Some((word, members)) = constraint
                && members.iter().all(|member| present.contains(member))
            {
                text.push_str(&format!("{word}({})", members.join(", ")));
            }
            text
        },
    )
}

/// Every number of a catalog, each expected once.
fn numbers(catalog: &Catalog) -> Vec<u64> {
    let owners = catalog.interfaces.values().map(|t| (t.id.0, None, &t.properties));
    let owners = owners.chain(catalog.nodes.values().map(|t| (t.id.0, Some(t.incarnation.0), &t.properties)));
    let owners = owners.chain(catalog.edges.values().map(|t| (t.id.0, Some(t.incarnation.0), &t.properties)));
    owners
        .flat_map(|(id, incarnation, properties)| {
            [id].into_iter().chain(incarnation).chain(properties.iter().map(|p| p.id.0))
        })
        .collect()
}

proptest! {
    #[test]
    fn a_printed_tree_reads_back(tree in tree()) {
        let printed = schema::print(&tree);
        match schema::parse(&printed) {
            Ok(read) => prop_assert_eq!(read, tree, "{}", printed),
            Err(errors) => prop_assert!(false, "{}", errors.render("test.pg", &printed, false)),
        }
        exercise(&printed);
    }

    #[test]
    fn no_text_panics(source in any::<String>()) {
        exercise(&source);
    }

    #[test]
    fn no_token_soup_panics(pieces in vec(prop_oneof![
        "node |edge |interface |implements |enum|Vector|String|I32|[A-Z]|[a-z]|[0-9]|@key|@unique|@index|@range|@check|@card|@embed|@rename_from",
        "[{}()\\[\\]:,?=@.\"/*#-]|->|\\.\\.|//|/\\*|\\*/|\n| |é",
    ], 0..60)) {
        exercise(&pieces.concat());
    }

    #[test]
    fn no_mutated_source_panics(edits in vec((any::<prop::sample::Index>(), 0usize..12, "[ -~\n]{0,4}|node A \\{|é"), 1..4)) {
        let mut source = SOURCE.to_owned();
        for (at, cut, paste) in edits {
            let start = source.floor_char_boundary(at.index(source.len() + 1));
            let end = source.floor_char_boundary((start + cut).min(source.len()));
            source.replace_range(start..end.max(start), &paste);
        }
        exercise(&source);
    }

}

#[test]
fn any_two_schemas_have_a_plan_and_unique_ids() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = config.cases;
    // Pairs of schemas with a plan that is not empty: too few would prove nothing.
    let planned = std::cell::Cell::new(0);
    let result = TestRunner::new(config).run(&vec(small_schema(), 1..5), |sources| {
        let mut accepted: Option<Catalog> = None;
        for source in sources {
            exercise(&source);
            let next = match &accepted {
                None => match schema::compile(&source, DOMAIN) {
                    Ok(compiled) => compiled.catalog,
                    Err(_) => continue,
                },
                Some(accepted) => match schema::evolve(accepted, &source) {
                    Ok(evolution) => {
                        let json = serde_json::to_string(&evolution.plan).unwrap();
                        prop_assert!(!json.contains("\"entity\":\"schema\""), "{}", json);
                        prop_assert_eq!(evolution.plan.steps.is_empty(), evolution.catalog == *accepted);
                        prop_assert!(evolution.catalog.next_id >= accepted.next_id);
                        planned.set(planned.get() + u32::from(!evolution.plan.steps.is_empty()));
                        let fresh = numbers(&evolution.catalog);
                        let known = numbers(accepted);
                        prop_assert!(fresh.iter().all(|n| known.contains(n) || *n >= accepted.next_id));
                        evolution.catalog
                    }
                    Err(_) => continue,
                },
            };
            let mut all = numbers(&next);
            all.sort();
            let count = all.len();
            all.dedup();
            prop_assert_eq!(all.len(), count);
            prop_assert!(all.last().is_none_or(|last| *last < next.next_id));
            accepted = Some(next);
        }
        Ok(())
    });
    result.unwrap();
    assert!(planned.get() > cases / 4, "{} plans in {cases} cases", planned.get());
}
