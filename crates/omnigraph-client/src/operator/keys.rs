//! The keys that `config.yaml` has, to find those that it does not.

use omnigraph_yaml::{Node, Value, join};

/// What kind of value a key has.
enum Shape {
    /// A value that is read as a whole.
    Leaf,
    /// A map of known keys.
    Map(&'static [(&'static str, Shape)]),
    /// A map whose keys are names that the operator chose.
    Named(&'static Shape),
}

use Shape::{Leaf, Map, Named};

const CONFIG: Shape = Map(&[
    ("operator", Map(&[("actor", Leaf)])),
    (
        "defaults",
        Map(&[
            ("output", Leaf),
            ("table_max_column_width", Leaf),
            ("table_cell_layout", Leaf),
            ("server", Leaf),
            ("store", Leaf),
            ("default_graph", Leaf),
        ]),
    ),
    ("servers", Named(&Map(&[("url", Leaf)]))),
    ("clusters", Named(&Map(&[("root", Leaf)]))),
    (
        "profiles",
        Named(&Map(&[("server", Leaf), ("cluster", Leaf), ("store", Leaf), ("default_graph", Leaf)])),
    ),
    (
        "aliases",
        Named(&Map(&[
            ("server", Leaf),
            ("graph", Leaf),
            ("query", Leaf),
            ("args", Leaf),
            ("params", Leaf),
            ("format", Leaf),
        ])),
    ),
]);

/// Returns the dotted paths of the keys that a configuration does not have, in the order of the text. What is below
/// an unknown key is not listed.
pub(super) fn unknown(config: &Node) -> Vec<String> {
    let mut paths = Vec::new();
    walk(&CONFIG, config, "", &mut paths);
    paths
}

fn walk(shape: &Shape, node: &Node, path: &str, paths: &mut Vec<String>) {
    let Value::Map(entries) = &node.value else { return };
    for (key, node) in entries {
        let path = match &key.value {
            Value::Text(name) => join(path, name),
            other => join(path, &other.to_string()),
        };
        match shape {
            Leaf => return,
            Named(inner) => walk(inner, node, &path, paths),
            Map(known) => {
                match known.iter().find(|(name, _)| matches!(&key.value, Value::Text(text) if text == name)) {
                    Some((_, inner)) => walk(inner, node, &path, paths),
                    None => paths.push(path),
                }
            }
        }
    }
}
